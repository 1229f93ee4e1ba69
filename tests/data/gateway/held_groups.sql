SELECT * FROM enrolment
SELECT sex FROM enrolment
SELECT person_id FROM enrolment
SELECT 1 FROM enrolment
SELECT district, sex FROM enrolment WHERE district = 'Kent'
SELECT district, count(*) FROM enrolment GROUP BY district, person_id
SELECT person_id, count(*) FROM wages GROUP BY person_id
SELECT * FROM (SELECT person_id, sum(wage) FROM wages GROUP BY person_id)
SELECT DISTINCT district FROM enrolment
SELECT district FROM enrolment GROUP BY ROLLUP (district)
SELECT district, count(*) FROM enrolment GROUP BY CUBE (district, sex)
SELECT district, count(*) FROM enrolment GROUP BY GROUPING SETS ((district), ())
SELECT max(wage) FROM wages
SELECT min(wage), count(*) FROM wages
SELECT list(sex) FROM enrolment
SELECT string_agg(sex, ',') FROM enrolment
SELECT any_value(sex), first(sex), last(sex), mode(sex) FROM enrolment
SELECT arg_max(sex, grade) FROM enrolment
SELECT histogram(wage) FROM wages
SELECT approx_top_k(wage, 3) FROM wages
SELECT quantile_cont(wage, 0.999) FROM wages
SELECT quantile_cont(wage, [0.5, 1.0]) FROM wages
SELECT quantile_disc(wage, 0.5) FROM wages
SELECT approx_quantile(wage, 1.0) FROM wages
SELECT bool_or(sex = 'canary-sex') FROM enrolment
SELECT bit_or(grade), product(grade) FROM enrolment
SELECT entropy(sex), skewness(wage) FROM enrolment JOIN wages USING (person_id)
SELECT max(n) FROM (SELECT person_id, sum(wage) AS n FROM wages GROUP BY person_id)
SELECT district, max(count(*)) OVER () FROM enrolment GROUP BY district, person_id
SELECT sum(wage) OVER (PARTITION BY person_id) FROM wages
SELECT count(*) OVER () FROM enrolment
SELECT row_number() OVER (ORDER BY wage) FROM wages
SELECT count(*) FROM (SELECT * FROM enrolment LIMIT 1)
SELECT avg(wage) FROM (SELECT wage, person_id FROM wages ORDER BY wage DESC LIMIT 1)
SELECT avg(wage) FROM (SELECT person_id, wage, rank() OVER (ORDER BY wage DESC) AS r FROM wages) WHERE r = 1
SELECT avg(wage) FROM (SELECT * FROM wages QUALIFY row_number() OVER (ORDER BY wage DESC) = 1)
SELECT count(*) FROM enrolment WHERE (SELECT sex FROM enrolment WHERE district = 'Kent') = 'canary-sex'
SELECT count(*) FROM enrolment WHERE EXISTS (SELECT 1 FROM enrolment WHERE district = 'Kent' AND sex = 'canary-sex')
SELECT count(*) FROM enrolment WHERE (SELECT max(wage) FROM wages) > 7000000
SELECT count(*) FROM enrolment WHERE grade IN (SELECT grade FROM enrolment WHERE district = 'Kent')
SELECT count(*) FROM enrolment a JOIN enrolment b ON a.grade = b.grade AND b.district = 'Kent'
SELECT count(*) FROM enrolment a, enrolment b WHERE b.district = 'Kent' AND b.sex = 'canary-sex'
SELECT count(*) FROM enrolment a CROSS JOIN (SELECT sex FROM enrolment WHERE district = 'Kent') b WHERE b.sex = 'canary-sex'
SELECT count(*) FROM enrolment a LEFT JOIN enrolment b ON b.district = 'Kent'
SELECT count(*) FROM enrolment a WHERE a.grade = (SELECT min(grade) FROM enrolment b WHERE b.district = 'Kent')
SELECT a.grade, (SELECT count(*) FROM wages w WHERE w.quarter = a.grade) FROM enrolment a
SELECT avg((SELECT sum(w.wage) FROM wages w WHERE w.quarter = e.grade)) FROM enrolment e
SELECT avg((SELECT sum(w.wage) FROM wages w WHERE w.person_id = e.person_id OR w.quarter = 1)) FROM enrolment e
SELECT v.k, count(*) FROM (VALUES ('all'), ('one')) v(k) LEFT JOIN enrolment e ON v.k = 'all' OR e.district = 'Kent' GROUP BY v.k
SELECT v.k, count(e.person_id) FROM range(3) v(k) LEFT JOIN enrolment e ON e.grade = v.k GROUP BY 1
SELECT k, count(*) FROM (SELECT district AS k, person_id FROM enrolment UNION ALL SELECT 'Kent', 'forged-' || range FROM range(20)) GROUP BY k
SELECT k, count(*) FROM (SELECT district AS k FROM enrolment UNION ALL SELECT district FROM enrolment) GROUP BY k
SELECT district FROM enrolment EXCEPT SELECT 'Avon'
SELECT sex FROM enrolment INTERSECT SELECT 'canary-sex'
SELECT district FROM enrolment UNION SELECT 'x'
SELECT unnest(list(sex)) FROM enrolment
SELECT count(*) FROM (SELECT unnest(range(100)) AS i, person_id FROM enrolment WHERE district = 'Kent') GROUP BY i, person_id
SELECT sum(CASE WHEN district = 'Kent' THEN wage ELSE 5000000 END) FROM wages JOIN enrolment USING (person_id)
SELECT avg(CASE WHEN district = 'Kent' THEN wage ELSE quarter END) FROM wages JOIN enrolment USING (person_id)
SELECT sum(x) FROM (SELECT person_id, wage + 1000000000 AS x FROM wages)
SELECT sum(greatest(wage, 7000000)) FROM wages
SELECT sum(exp(-abs(wage - 7654321)) + 1) FROM wages
SELECT count(DISTINCT CASE WHEN district = 'Kent' THEN sex ELSE 'z' END) FROM enrolment
SELECT sum(ascii(sex)) FROM enrolment
WITH RECURSIVE r(p, n) AS (SELECT person_id, 1 FROM enrolment UNION ALL SELECT p, n + 1 FROM r WHERE n < 20) SELECT count(*) FROM r
SELECT count(*) FROM enrolment POSITIONAL JOIN wages
WITH __held_0_held AS (SELECT 1 AS a) SELECT count(*) FROM enrolment, __held_0_held
WITH __duckdb_delim_1 AS (SELECT DISTINCT district FROM enrolment) SELECT * FROM __duckdb_delim_1
SELECT district AS __held_ok, count(*) FROM enrolment GROUP BY 1
SUMMARIZE enrolment
SUMMARIZE SELECT district, count(*) FROM enrolment GROUP BY district
SELECT json_group_array(sex) FROM enrolment
SELECT count(*) FILTER (WHERE count(*) > 1) FROM enrolment
SELECT min(person_id) FROM enrolment
SELECT list(person_id) FROM enrolment
SELECT min(a.wage) FROM wages a SEMI JOIN enrolment b ON a.quarter = b.grade
SELECT e.district, count(*) FROM enrolment e JOIN wages w USING (person_id) JOIN range(8000000) r ON r.range < w.wage GROUP BY 1
SELECT district, median(w) FROM (SELECT person_id, district, wage w, unnest(range(CAST(wage / 10000 AS INT) + 1)) FROM enrolment JOIN wages USING (person_id)) GROUP BY district
SELECT count(*) FROM enrolment e JOIN (VALUES ('Kent'), ('Kent'), ('Avon')) v(d) ON e.district = v.d
SELECT count(*) FROM enrolment e JOIN range(1000) r ON e.district = 'Kent' OR r.range = 0
SELECT count(*) FROM enrolment e, (VALUES (1), (2)) v(k) WHERE v.k = 1 OR e.district = 'Kent'
SELECT count(*) FROM enrolment e LEFT JOIN (SELECT person_id, unnest(range(1000)) FROM enrolment WHERE district = 'Kent') k USING (person_id)
SELECT count(*) FROM (SELECT person_id FROM enrolment UNION ALL SELECT person_id FROM enrolment WHERE district = 'Kent')
SELECT sum(n) FROM (SELECT person_id, count(*) n FROM enrolment e JOIN range(1000) r ON district = 'Kent' OR r.range = 0 GROUP BY 1)
SELECT sum(n) FROM (SELECT person_id, count(*) OVER (PARTITION BY person_id) n FROM enrolment e JOIN range(1000) r ON district = 'Kent' OR r.range = 0)
SELECT count(*) FROM enrolment e JOIN (SELECT range, unnest([1, 2, 3]) FROM range(5)) r ON e.grade = r.range
SELECT count(*) FROM enrolment e JOIN (VALUES ('a'), ('b')) v(x) ON v.x = v.x
SELECT k, count(*) FROM (SELECT unnest(range(50)) AS i, district AS k, person_id FROM enrolment) GROUP BY k
SELECT district, count(*) FROM enrolment JOIN (SELECT i FROM range(50) r(i)) ON true GROUP BY district
SELECT count(*) FROM enrolment e, (SELECT count(*) AS n FROM range(3) GROUP BY GROUPING SETS ((), ())) g WHERE e.district = 'Kent' OR g.n = 3
SELECT count(*) FROM enrolment e JOIN (SELECT 1 AS k UNION ALL SELECT 2) u ON e.district = 'Kent' OR u.k = 1
SELECT avg(DISTINCT wage) FROM wages
SELECT sum(DISTINCT round(wage, -6)) FROM wages
SELECT sum(DISTINCT CASE WHEN district IN ('Kent', 'Hebron') THEN grade ELSE 0 END) FROM enrolment
SELECT first(wage) FROM wages
SELECT any_value(person_id) FROM enrolment
SELECT arbitrary(sex) FROM enrolment
SELECT last(sex ORDER BY grade) FROM enrolment
SELECT max(wage, 3) FROM wages
SELECT min(wage, 2) FROM wages
SELECT max_by(sex, grade, 2) FROM enrolment
SELECT arg_min(wage, quarter) FROM wages
SELECT arg_max_null(sex, grade) FROM enrolment
SELECT arg_min_nulls_last(sex, grade) FROM enrolment
SELECT min_by(sex, wage) FROM enrolment JOIN wages USING (person_id)
SELECT mode(wage) FROM wages
SELECT quantile(wage, 0.5) FROM wages
SELECT quantile_disc(wage, [0.25, 0.75]) FROM wages
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY wage) FROM wages
SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY wage) FROM wages
SELECT percentile_cont(0.01) WITHIN GROUP (ORDER BY wage DESC) FROM wages
SELECT quantile_cont(wage, 0.2499) FROM wages
SELECT quantile_cont(wage, [0.5, 0.751]) FROM wages
SELECT quantile_cont(wage, -0.9) FROM wages
SELECT approx_quantile(wage, [0.25, 0.99]) FROM wages
SELECT reservoir_quantile(wage, 0.5) FROM wages
SELECT lttb(quarter, wage, 4) FROM wages
SELECT histogram(sex) FROM enrolment
SELECT histogram(wage, [1000, 7000000]) FROM wages
SELECT histogram_exact(wage, [1000]) FROM wages
SELECT approx_top_k(district, 8) FROM enrolment
SELECT group_concat(district) FROM enrolment
SELECT listagg(district, ',') FROM enrolment
SELECT array_agg(wage ORDER BY wage DESC) FROM wages
SELECT list(DISTINCT sex) FROM enrolment
SELECT list_max(list(wage)) FROM wages
SELECT list_sum(list(wage)) FROM wages
SELECT len(list(sex)) FROM enrolment
SELECT [x FOR x IN list(wage) IF x > 7000000] FROM wages
SELECT map(list(person_id), list(wage)) FROM wages
SELECT json_group_object(person_id, grade) FROM enrolment
SELECT json_group_structure(sex) FROM enrolment
SELECT bitstring_agg(grade) FROM enrolment
SELECT bitstring_agg(grade, 0, 4) FROM enrolment
SELECT bit_xor(grade) FROM enrolment
SELECT bit_and(grade) FROM enrolment
SELECT bool_and(sex <> 'canary-sex') FROM enrolment
SELECT product(grade + 1) FROM enrolment
SELECT geomean(wage) FROM wages
SELECT entropy(district) FROM enrolment
SELECT kurtosis(wage) FROM wages
SELECT kurtosis_pop(wage) FROM wages
SELECT skewness(wage) FROM wages
SELECT mad(wage) FROM wages
SELECT wavg(wage, quarter) FROM wages
SELECT weighted_avg(wage, (person_id IS NULL)::INT) FROM wages
SELECT regr_sxx(wage, quarter) FROM wages
SELECT regr_avgx(wage, quarter) FROM wages
SELECT regr_sxy(wage, quarter), regr_syy(wage, quarter) FROM wages
SELECT sum(DISTINCT wage) FROM wages
SELECT stddev(DISTINCT wage) FROM wages
SELECT median(DISTINCT wage) FROM wages
SELECT corr(DISTINCT wage, quarter) FROM wages
SELECT sum(wage ** 9) FROM wages
SELECT sum(power(wage, 20)) FROM wages
SELECT sum(exp(wage / 100000)) FROM wages
SELECT sum(1 / wage) FROM wages
SELECT sum(wage % 1000) FROM wages
SELECT sum(wage // 1000000) FROM wages
SELECT sum(sign(wage - 7000000)) FROM wages
SELECT sum(least(wage, 7000000)) FROM wages
SELECT sum(coalesce(nullif(wage, 7654321.09), 1)) FROM wages
SELECT sum(coalesce(wage + 1000000000, 0)) FROM wages
SELECT avg(coalesce(wage + 1000000000, NULL)) FROM wages
SELECT sum(ifnull(wage - 1000000000, 0)) FROM wages
SELECT sum(if(grade = 4, wage, 1)) FROM wages JOIN enrolment USING (person_id)
SELECT sum(CASE WHEN district = 'Kent' THEN wage WHEN district = 'Avon' THEN 1 END) FROM wages JOIN enrolment USING (person_id)
SELECT sum(CASE district WHEN 'Kent' THEN wage ELSE 3 END) FROM wages JOIN enrolment USING (person_id)
SELECT median(CASE WHEN grade < 2 THEN 0 WHEN district = 'Kent' THEN wage ELSE 9000000 END) FROM wages JOIN enrolment USING (person_id)
SELECT median(greatest(wage, 7000000)) FROM wages
SELECT sum(c) FROM (SELECT person_id, ceil(wage / 65000) AS c FROM wages)
SELECT avg(c) FROM (SELECT person_id, -floor(-wage / 65000) AS c FROM wages)
SELECT sum(sqrt(ceil(wage / 65000))) FROM wages
SELECT sum(ceil(wage / 65000) * 65000) FROM wages
SELECT sum(ceil(wage / 65000 + 0.5)) FROM wages WHERE ceil(wage / 65000) > 0 GROUP BY ceil(wage), person_id
SELECT sum(hash(wage)) FROM wages
SELECT sum(ascii(district)) FROM enrolment
SELECT sum(length(sex)) FROM enrolment
SELECT sum(len(district) * 1000000000 + grade) FROM enrolment
SELECT avg(strpos('canary-sex', sex)) FROM enrolment
SELECT sum(bit_count(grade)) FROM enrolment
SELECT sum(jaro_similarity(sex, 'canary-sex')) FROM enrolment
SELECT sum(list_sum([wage, 1000000000])) FROM wages
SELECT sum({'a': wage + 1000000000}.a) FROM wages
SELECT sum([wage][1]) FROM wages
SELECT sum(list_reduce([wage, 1], lambda a, b: a * b)) FROM wages
SELECT sum(TRY(wage / (grade - 4))) FROM wages JOIN enrolment USING (person_id)
SELECT sum((SELECT max(w.wage) FROM wages w)) FROM enrolment e
SELECT sum((SELECT sum(w.wage) FROM wages w WHERE w.quarter = e.grade)) FROM enrolment e
SELECT avg((SELECT w.wage FROM wages w ORDER BY wage DESC LIMIT 1)) FROM enrolment e
SELECT count(*) FILTER (WHERE (SELECT max(wage) FROM wages) > 7000000) FROM enrolment
SELECT count(*) FILTER (WHERE grade IN (SELECT grade FROM enrolment WHERE district = 'Kent')) FROM enrolment
SELECT count(*) FROM enrolment HAVING max(sex) = 'canary-sex'
SELECT district, count(*) FROM enrolment GROUP BY district HAVING bool_or(sex = 'canary-sex')
SELECT district, count(*) FROM enrolment GROUP BY district HAVING max(grade) > 3
SELECT district, count(*) FROM enrolment GROUP BY district ORDER BY max(grade)
SELECT district, count(*) FROM enrolment GROUP BY district ORDER BY min(person_id)
SELECT district, count(*) FROM enrolment GROUP BY district QUALIFY row_number() OVER (ORDER BY max(grade)) = 1
SELECT district, count(*) FROM enrolment GROUP BY district QUALIFY first_value(min(sex)) OVER () = 'x'
SELECT district, count(*) FROM enrolment GROUP BY district LIMIT (SELECT grade FROM enrolment WHERE district = 'Kent')
SELECT * FROM enrolment LIMIT 10
SELECT * FROM enrolment USING SAMPLE 1 ROWS
SELECT * FROM enrolment ORDER BY ALL
SELECT DISTINCT ON (district) * FROM enrolment
SELECT DISTINCT sex, grade FROM enrolment
SELECT count(*) FROM (SELECT DISTINCT district, sex FROM enrolment)
SELECT count(*) FROM (SELECT DISTINCT ON (grade) * FROM enrolment)
SELECT count(*) FROM (SELECT * FROM enrolment ORDER BY grade LIMIT 12)
SELECT count(*) FROM (SELECT * FROM enrolment LIMIT 50 PERCENT)
SELECT count(*) FROM (SELECT * FROM enrolment OFFSET 279)
SELECT count(*) FROM (FROM enrolment FETCH FIRST 12 ROWS ONLY)
SELECT district FROM enrolment UNION ALL SELECT district FROM enrolment
SELECT district FROM enrolment EXCEPT ALL SELECT district FROM enrolment WHERE district <> 'Kent'
SELECT person_id FROM enrolment EXCEPT SELECT person_id FROM wages
SELECT person_id, district FROM enrolment INTERSECT SELECT person_id, 'Kent' FROM enrolment
SELECT sex FROM enrolment INTERSECT ALL SELECT 'canary-sex'
SELECT count(*) FROM (SELECT sex FROM enrolment INTERSECT SELECT 'canary-sex')
SELECT count(*) FROM (SELECT grade, district FROM enrolment EXCEPT SELECT grade, district FROM enrolment WHERE district <> 'Kent')
SELECT count(*) FROM (SELECT district FROM enrolment UNION BY NAME SELECT sex FROM enrolment)
SELECT a.district, b.sex FROM enrolment a POSITIONAL JOIN enrolment b
SELECT sum(a.grade) FROM enrolment a ASOF JOIN wages b ON a.grade >= b.quarter
SELECT count(*) FROM (VALUES (1), (4)) v(k) ASOF JOIN enrolment a ON v.k >= a.grade
SELECT count(*) FROM enrolment a, LATERAL (SELECT * FROM wages w WHERE w.quarter = a.grade) x
SELECT count(*) FROM enrolment a, LATERAL (SELECT 1 FROM range(a.grade)) x
SELECT count(*) FROM enrolment e, unnest(range(e.grade * 1000)) u(i)
SELECT count(*) FROM enrolment e, range(1000) r(i) WHERE e.district = 'Kent' OR i = 0
SELECT count(*) FROM enrolment e JOIN (SELECT 1 AS k UNION ALL SELECT 1) v ON e.district = 'Kent' OR k = 2
SELECT count(*) FROM (SELECT e.*, unnest(CASE WHEN district = 'Kent' THEN range(1000) ELSE [1] END) FROM enrolment e)
SELECT count(*) FROM enrolment e JOIN (SELECT unnest([1, 1, 1]) AS k) v ON e.grade = v.k
SELECT sum(v.weight) FROM enrolment e JOIN (VALUES ('Kent', 1000000), ('Avon', 1)) v(d, weight) ON e.district = v.d
SELECT avg(v.weight * e.grade) FROM enrolment e JOIN (VALUES ('Kent', 1000000), ('Avon', 1)) v(d, weight) ON e.district = v.d
SELECT median(v.weight) FROM enrolment e JOIN (VALUES ('Kent', 1000000), ('Avon', 1)) v(d, weight) ON e.district = v.d
SELECT count(*) OVER (PARTITION BY district) FROM enrolment
SELECT sum(grade) OVER (ORDER BY grade ROWS BETWEEN CURRENT ROW AND CURRENT ROW) FROM enrolment
SELECT avg(x) FROM (SELECT lag(wage) OVER (ORDER BY wage) AS x, person_id FROM wages)
SELECT avg(x) FROM (SELECT first_value(wage) OVER (PARTITION BY industry ORDER BY wage DESC) AS x, person_id FROM wages)
SELECT count(*) FROM (SELECT ntile(280) OVER (ORDER BY person_id) AS n, person_id FROM enrolment) WHERE n = 1
SELECT count(*) FROM (SELECT person_id, cume_dist() OVER (ORDER BY wage) AS c FROM wages) WHERE c > 0.99
SELECT count(*) FROM (SELECT person_id, rank() OVER (PARTITION BY district ORDER BY grade) AS c FROM enrolment) WHERE c = 1
SELECT sum(wage) FROM (SELECT *, nth_value(district, 2) OVER (ORDER BY year) AS d FROM wages JOIN enrolment USING (person_id)) WHERE d = 'Kent'
SELECT district, person_id, count(*) FROM enrolment GROUP BY ALL
SELECT person_id[1:2], count(*) FROM enrolment GROUP BY 1
SELECT hash(person_id) % 20, count(*) FROM enrolment GROUP BY 1
SELECT length(person_id), avg(grade) FROM enrolment GROUP BY 1
SELECT coalesce(person_id, 'x'), count(*) FROM enrolment GROUP BY 1
SELECT min(n) FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY 1)
SELECT n FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY 1)
SELECT mode(n) FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY 1)
SELECT sum(m) FROM (SELECT person_id, max(wage) + 1000000000 AS m FROM wages GROUP BY 1)
SELECT sum(m) FROM (SELECT person_id, sum(wage + 1000000000) AS m FROM wages GROUP BY 1)
SELECT sum(m) FROM (SELECT person_id, arg_max(wage, year) * 1.0 + 7 AS m FROM wages GROUP BY 1) GROUP BY m
SELECT list(n) FROM (SELECT person_id, sum(wage) AS n FROM wages GROUP BY 1)
SELECT unnest(list(wage)) FROM wages
SELECT unnest([sex]) FROM enrolment
SELECT struct_pack(s := sex) FROM enrolment
SELECT row(district, sex) FROM enrolment
SELECT (SELECT sex FROM enrolment WHERE district = 'Kent')
SELECT (SELECT sex FROM enrolment LIMIT 1)
SELECT ARRAY(SELECT sex FROM enrolment)
SELECT EXISTS (SELECT 1 FROM enrolment WHERE sex = 'canary-sex')
SELECT 'canary-sex' IN (SELECT sex FROM enrolment)
SELECT 1 WHERE 'canary-sex' = ANY (SELECT sex FROM enrolment)
SELECT CASE WHEN EXISTS (SELECT 1 FROM enrolment WHERE district = 'Kent' AND grade = 4) THEN 1 END
SELECT count(*) FROM range((SELECT grade FROM enrolment WHERE district = 'Kent'))
SELECT * FROM range((SELECT max(grade) FROM enrolment))
SELECT * FROM (VALUES ((SELECT max(wage) FROM wages)))
SELECT count(*) FROM range(5) r(k) WHERE k IN (SELECT grade FROM enrolment WHERE district = 'Kent')
SELECT k FROM range(5) r(k) SEMI JOIN enrolment e ON e.grade = r.k AND e.district = 'Kent'
SELECT k FROM range(5) r(k) ANTI JOIN (SELECT grade FROM enrolment WHERE district = 'Kent') e ON e.grade = r.k
SELECT v.d FROM (VALUES ('Kent'), ('Nowhere')) v(d) WHERE EXISTS (SELECT 1 FROM enrolment e WHERE e.district = v.d)
SELECT v.d, (SELECT count(*) FROM enrolment e WHERE e.district = v.d) FROM (VALUES ('Kent'), ('Avon')) v(d)
SELECT v.d, x.n FROM (VALUES ('Kent'), ('Avon')) v(d), LATERAL (SELECT count(*) AS n FROM enrolment e WHERE e.district = v.d) x
WITH RECURSIVE r(n, s) AS (SELECT 0, '' UNION ALL SELECT n + 1, (SELECT max(sex) FROM enrolment) FROM r WHERE n < 1) SELECT s FROM r
WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r, enrolment e WHERE e.grade = n AND e.district = 'Kent') SELECT max(n) FROM r
WITH a AS MATERIALIZED (FROM enrolment) SELECT * FROM a
WITH a AS (SELECT sex AS x, count(*) AS n FROM enrolment GROUP BY person_id, sex) SELECT x FROM a
SELECT district, count(*) FROM enrolment GROUP BY district WITH TIES
SELECT count(*) FROM enrolment GROUP BY ROLLUP (district), CUBE (sex)
SELECT grouping(district), count(*) FROM enrolment GROUP BY GROUPING SETS ((district), ())
PIVOT enrolment ON district IN ('Kent') USING max(sex)
PIVOT enrolment ON district IN ('Kent', 'Avon') USING list(grade)
PIVOT enrolment ON district IN ('Kent') USING count(*) GROUP BY person_id
PIVOT (SELECT person_id, district, grade FROM enrolment) ON district IN ('Kent') USING sum(grade)
UNPIVOT enrolment ON district, sex INTO NAME n VALUE v
SELECT v, count(*) FROM (UNPIVOT enrolment ON district, sex INTO NAME n VALUE v) GROUP BY v
SUMMARIZE wages
SUMMARIZE SELECT avg(wage) AS a FROM wages
SELECT to_json(list(enrolment)) FROM enrolment
SELECT enrolment FROM enrolment
SELECT COLUMNS('s.*') FROM enrolment
SELECT max(COLUMNS(*)) FROM enrolment
SELECT quantile_cont(wage, [0.25, 0.26, 0.27, 0.28, 0.29, 0.30, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37, 0.38, 0.39, 0.40]) FROM wages WHERE year = 2021 AND quarter = 1
WITH m AS (SELECT avg(wage) AS m FROM wages) SELECT sum(d), count(*) FROM (SELECT person_id, wage - m * 1000000 AS d FROM wages JOIN enrolment USING (person_id), m WHERE district = 'Derby')
WITH m AS (SELECT sum(wage) AS m FROM wages) SELECT sum(d), count(*), max(n) FROM (SELECT person_id, wage - m AS d, m AS n FROM wages JOIN enrolment USING (person_id), m WHERE district = 'Derby')
WITH m AS (SELECT sum(wage) AS m FROM wages) SELECT sum(d), count(*) FROM (SELECT person_id, wage - m AS d FROM wages JOIN enrolment USING (person_id), m WHERE district = 'Derby')
SELECT sum(abs(wage - m)), count(*) FROM (SELECT person_id, wage, m FROM wages JOIN enrolment USING (person_id), (SELECT sum(wage) AS m FROM wages) WHERE district = 'Derby')
SELECT avg(sqrt(wage - m * -1000000)), count(*) FROM (SELECT person_id, wage, m FROM wages JOIN enrolment USING (person_id), (SELECT avg(wage) AS m FROM wages) WHERE district = 'Derby')
SELECT sum(DISTINCT person_id IS NOT NULL) FROM enrolment
SELECT quantile_cont(wage, 0.30), quantile_cont(wage, 0.31), quantile_cont(wage, 0.32), quantile_cont(wage, 0.33), quantile_cont(wage, 0.34), quantile_cont(wage, 0.35), quantile_cont(wage, 0.36) FROM wages
SELECT sum((1 / (grade - 4))::DOUBLE) FROM enrolment WHERE district = 'Kent'
SELECT count(*) FROM (SELECT unnest(generate_series(1, grade)) AS o, person_id FROM enrolment) WHERE o = 3
SELECT o, count(*) FROM (SELECT generate_subscripts([grade, 1, 2], 1) AS o, person_id FROM enrolment) GROUP BY o
SELECT district COLLATE nocase, count(*) FROM enrolment GROUP BY 1
SELECT count(DISTINCT sex), count(DISTINCT (sex, grade)) FROM enrolment
SELECT count(DISTINCT {'s': sex, 'g': grade}) FROM enrolment
SELECT count(DISTINCT [wage]) FROM wages
SELECT sum(x) FROM (SELECT person_id, list_sum(list(wage)) AS x FROM wages GROUP BY 1)
SELECT sum(x) FROM (SELECT person_id, struct_extract({'a': wage + 1000000000}, 'a') AS x FROM wages)
SELECT sum(x) FROM (SELECT person_id, (wage || '')::DOUBLE AS x FROM wages)
SELECT sum(x) FROM (SELECT person_id, ('9' || wage)::DOUBLE AS x FROM wages)
SELECT sum(('9' || wage)::DOUBLE) FROM wages
SELECT sum(concat(9, wage)::DOUBLE) FROM wages
SELECT sum(replace(wage::VARCHAR, '.', '')::DOUBLE) FROM wages
SELECT sum(date_part('epoch', DATE '2020-01-01' + grade)) FROM enrolment
SELECT sum(grade << 40) FROM enrolment
SELECT sum(grade | 1073741824) FROM enrolment
SELECT sum(xor(grade, 1048576)) FROM enrolment
SELECT sum(~grade) FROM enrolment
SELECT sum(@(grade)) FROM enrolment
SELECT sum(grade ^ 2), sum(grade ** 2) FROM enrolment
SELECT sum(pow(wage, 0)) FROM wages
SELECT sum(nextafter(wage, 1e9)) FROM wages
SELECT avg(DATE '1900-01-01' + grade) FROM enrolment
SELECT avg(sign(wage - 7000000)) FROM wages
SELECT avg(even(wage)) FROM wages
SELECT count(try_strptime(district, 'K%')) FROM enrolment
SELECT sum(map {'Avon': 1, 'Kent': 1000}[district]) FROM enrolment
SELECT sum(list_position(['Avon', 'Bolton', 'Kent'], district)) FROM enrolment
SELECT sum(instr('xxxxxxxxxxKent', district)) FROM enrolment
SELECT grade, count(*) FROM enrolment GROUP BY grade ORDER BY avg(length(sex)) LIMIT 1
SELECT count(*) FROM enrolment e WHERE (SELECT count(*) FROM enrolment x WHERE x.district = e.district) = 1
SELECT count(*) FROM enrolment e WHERE (SELECT count(*) FROM enrolment x WHERE x.district = e.district) IS NULL
SELECT sum(x * wage), sum(wage) FROM (SELECT person_id, wage, list_sum([quarter]) AS x FROM wages)
SELECT sum(wage * k), sum(wage) FROM wages JOIN (VALUES (2021, 3), (2022, 4)) v(year, k) USING (year)
SELECT sum(wage * k), sum(wage) FROM wages JOIN (SELECT 2021 AS year, 3 AS k UNION ALL SELECT 2022, 4) v USING (year)
SELECT sum(wage * k), sum(wage), count(*) FROM wages JOIN enrolment USING (person_id) JOIN (VALUES ('Avon', 3), ('Bolton', 3), ('Kent', 4)) v(district, k) USING (district)
SELECT sum(grade * k), sum(grade) FROM enrolment JOIN (VALUES ('Avon', 3), ('Bolton', 3), ('Kent', 4)) v(district, k) USING (district)
SELECT sum(k), count(*) FROM enrolment JOIN (VALUES ('Avon', 3), ('Bolton', 3), ('Kent', 4)) v(district, k) USING (district)
SELECT avg(k) FROM enrolment JOIN (VALUES ('Avon', 3), ('Bolton', 3), ('Kent', 4)) v(district, k) USING (district)
SELECT regr_slope(grade, k), avg(grade) FROM enrolment JOIN (VALUES ('Avon', 3), ('Bolton', 3), ('Kent', 4)) v(district, k) USING (district)
SELECT median(grade * k) FROM enrolment JOIN (VALUES ('Avon', 3), ('Kent', 400)) v(district, k) USING (district)
SELECT sum(grade), sum(list_sum([grade])) FROM enrolment WHERE grade > 0
SELECT sum(s.a), sum(s.b) FROM (SELECT person_id, {'a': grade, 'b': CASE WHEN district <> 'Kent' THEN grade END} AS s FROM enrolment)
SELECT sum(l[1]), sum(l[2]) FROM (SELECT person_id, [grade, CASE WHEN district <> 'Kent' THEN grade END] AS l FROM enrolment)
SELECT sum(m['a']) FROM (SELECT person_id, map {'a': grade} AS m FROM enrolment)
SELECT sum(union_extract(u, 'a')) FROM (SELECT person_id, union_value(a := grade) AS u FROM enrolment)
SELECT sum(v::INT) FROM (SELECT person_id, grade::VARIANT AS v FROM enrolment)
SELECT sum((grade::VARCHAR || '0')::INT), sum(grade) FROM enrolment
SELECT sum(json_extract(json_object('a', grade), '$.a')::INT) FROM enrolment
SELECT sum(('{"a": ' || grade || '}')::JSON ->> 'a')::INT FROM enrolment
SELECT avg(length(district)), avg(length(district || sex)) FROM enrolment
SELECT sum(bit_length(sex)) FROM enrolment
SELECT sum(unicode(left(sex, 1))) FROM enrolment
WITH RECURSIVE r(n, s) AS (SELECT 0, 0::HUGEINT UNION ALL SELECT n + 1, (SELECT sum(grade) FROM enrolment WHERE grade < n) FROM r WHERE n < 5) SELECT * FROM r
WITH RECURSIVE r(k, n) USING KEY (k) AS (SELECT 1, 1 UNION SELECT r.k, (SELECT count(*) FROM enrolment) FROM r WHERE n < 2) SELECT * FROM r
SELECT quantile_cont(wage, 0.25), quantile_cont(wage, 0.3), quantile_cont(wage, 0.35), quantile_cont(wage, 0.4), quantile_cont(wage, 0.45) FROM wages UNION ALL SELECT quantile_cont(wage, 0.26), quantile_cont(wage, 0.31), quantile_cont(wage, 0.36), quantile_cont(wage, 0.41), quantile_cont(wage, 0.46) FROM wages
SELECT a.*, b.* FROM (SELECT quantile_cont(wage, [0.25, 0.26, 0.27, 0.28, 0.29]) FROM wages) a, (SELECT quantile_cont(wage, [0.30, 0.31, 0.32, 0.33, 0.34]) FROM wages) b
SELECT sum(wage) FROM (SELECT person_id, sum(wage) wage FROM wages GROUP BY 1 UNION ALL SELECT person_id, -sum(wage) FROM wages WHERE town <> 'x' GROUP BY 1)
SELECT sum(least(wage, 2900)), sum(wage) FROM wages
SELECT sum(wage - least(wage, 2900)) FROM wages
SELECT sum(abs(wage - 5000)), sum(wage - 5000), count(*) FROM wages
SELECT count(DISTINCT coalesce(CASE WHEN wage > 3000 THEN person_id END, 'x')) FROM wages
SELECT count(DISTINCT (person_id, employer)), count(DISTINCT person_id) FROM wages
SELECT count(DISTINCT person_id || employer), count(DISTINCT person_id) FROM wages
SELECT count(DISTINCT [person_id]) FROM wages WHERE wage > 3000
SELECT count(DISTINCT CASE WHEN town = 'canary-town' THEN employer ELSE 'e1' END) FROM wages
SELECT count(DISTINCT (town, employer)) FROM wages
SELECT e.district, avg(w.wage / g.m) FROM wages w JOIN enrolment e USING (person_id) JOIN (SELECT district, avg(wage) m FROM wages JOIN enrolment USING (person_id) GROUP BY 1) g ON g.district = e.district GROUP BY 1
SELECT avg(wage) FROM wages GROUP BY hash(person_id) % 20
SELECT avg(wage) FROM wages GROUP BY person_id
SELECT year FROM wages GROUP BY year HAVING max(wage) > 1000000
SELECT year FROM wages GROUP BY year ORDER BY max(wage)
SELECT year FROM wages GROUP BY year QUALIFY row_number() OVER (ORDER BY max(wage)) = 1
SELECT max(wage) OVER () FROM wages
SELECT sum(wage) FROM (SELECT wage FROM wages LIMIT 1)
SELECT sum(wage) FROM (SELECT wage FROM wages ORDER BY wage DESC LIMIT 11)
SELECT sum(wage) FROM (SELECT DISTINCT wage FROM wages)
SELECT sum(wage) FROM (SELECT person_id, max(wage) wage FROM wages GROUP BY 1 ORDER BY 2 DESC LIMIT 11)
SELECT sum(wage) FROM wages w JOIN (VALUES (2021, 1), (2021, 1)) v(y, k) ON w.year = v.y
SELECT sum(wage * k) FROM wages w JOIN (VALUES (1, 1), (2, -1)) v(q, k) ON w.quarter = v.q
SELECT sum(wage * (CASE WHEN quarter = 1 THEN 1 ELSE -1 END)) FROM wages
SELECT sum(CASE WHEN quarter = 1 THEN wage ELSE -wage END) FROM wages
SELECT sum(ln(wage)), sum(exp(wage)), sum(sqrt(wage)) FROM wages
SELECT sum(wage ** 8) FROM wages WHERE wage < 10000
SELECT sum(wage % 100) FROM wages
SELECT sum(wage // 1000) FROM wages
SELECT sum(wage::INT & 255) FROM wages
SELECT sum(length(town)) FROM wages
SELECT sum(hash(person_id)) FROM wages
SELECT avg(hash(person_id)) FROM enrolment WHERE district = 'Avon'
SELECT bit_xor(hash(person_id)) FROM wages
SELECT max(n), min(n) FROM (SELECT person_id, count(*) n FROM wages GROUP BY 1)
SELECT CASE WHEN count(*) > 0 THEN 1 ELSE error('x') END FROM wages WHERE town = 'canary-town'
SELECT 1 WHERE EXISTS (SELECT 1 FROM wages WHERE town = 'canary-town')
SELECT EXISTS (SELECT 1 FROM wages WHERE town = 'canary-town')
SELECT 'canary-town' IN (SELECT town FROM wages)
SELECT x FROM (VALUES ('canary-town')) v(x) WHERE x IN (SELECT town FROM wages)
SELECT x FROM (VALUES ('canary-town')) v(x) SEMI JOIN wages ON town = x
SELECT x FROM (VALUES ('canary-town')) v(x) JOIN wages ON town = x
SELECT x, count(w.person_id) FROM (VALUES ('canary-town'), ('Putnam')) v(x) LEFT JOIN wages w ON town = x GROUP BY x
SELECT x, (SELECT count(*) FROM wages WHERE town = x) FROM (VALUES ('canary-town'), ('Putnam')) v(x)
SELECT n, (SELECT count(*) FROM wages WHERE wage > n * 1000000) FROM range(10) r(n)
SELECT n, (SELECT sum(wage) FROM wages WHERE wage > n * 100) FROM range(100) r(n)
SELECT w.wage FROM wages w ASOF JOIN firms f ON w.person_id = f.person_id AND w.year >= f.size
SELECT count(*) FROM (VALUES (1)) v(x) ASOF JOIN wages w ON v.x <= w.year
SELECT sum(wage) FROM wages w POSITIONAL JOIN enrolment e
SELECT count(*) FROM wages w, enrolment e WHERE w.person_id <> e.person_id
SELECT count(*) FROM wages a SEMI JOIN wages b ON a.wage = b.wage AND a.person_id <> b.person_id
SELECT sum(wage) FROM wages a WHERE NOT EXISTS (SELECT 1 FROM wages b WHERE b.wage > a.wage)
SELECT sum(wage) FROM wages a WHERE wage >= ALL (SELECT wage FROM wages)
WITH RECURSIVE r AS (SELECT wage FROM wages UNION SELECT wage FROM r WHERE FALSE) SELECT max(wage) FROM r
PIVOT wages ON year IN (2021, 2022) USING sum(wage) GROUP BY person_id
PIVOT (SELECT year, wage, town FROM wages) ON town IN ('canary-town', 'Putnam') USING sum(wage) GROUP BY year
PIVOT (SELECT year, wage, town FROM wages) ON town IN ('Putnam', 'Ashford') USING sum(wage), count(*) GROUP BY year
FROM (SELECT person_id, wage, quarter FROM wages) UNPIVOT (v FOR k IN (wage, quarter)) SELECT k, avg(v), count(*) GROUP BY k
UNPIVOT (SELECT wage::DOUBLE a, quarter::DOUBLE b FROM wages) ON a, b
SUMMARIZE SELECT district, count(*) n FROM enrolment GROUP BY 1
SELECT grouping(district), count(*) FROM enrolment GROUP BY district
SELECT district, grade, count(*) FROM enrolment GROUP BY ROLLUP (district, grade)
SELECT sum(list_sum([wage])) FROM wages
SELECT sum(list_sum(list_filter([wage], lambda x: x > 1000000))) FROM wages
SELECT sum({'a': wage}.a) FROM wages
SELECT sum(MAP {'a': wage}['a']) FROM wages
SELECT avg([wage, 0][1]) FROM wages
SELECT sum(date_diff('day', make_date(a.year, a.quarter, 1), make_date(b.year, b.quarter, 1))) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(s) FROM (SELECT person_id, sum(wage) - avg(wage) * count(*) s FROM wages GROUP BY 1)
SELECT sum(wage) OVER (PARTITION BY year) FROM wages
SELECT count(*) FROM wages GROUP BY year, person_id
SELECT mad(wage), skewness(wage) FROM wages
SELECT entropy(town) FROM wages
SELECT quantile_cont(wage, 0.2) FROM wages
SELECT quantile_cont(wage, 0.75000001) FROM wages
SELECT quantile_cont(wage, 0.5 + 0.4) FROM wages
SELECT median(town) FROM wages
SELECT median(make_date(year, quarter, 1)) FROM wages
SELECT median(person_id) FROM wages
SELECT district, median(person_id) FROM enrolment GROUP BY district
SELECT median(employer) FROM wages
SELECT median(sex) FROM enrolment
SELECT median([wage]) FROM wages
SELECT median({'p': person_id, 'w': wage}) FROM wages
SELECT median(sex = 'f') FROM enrolment
SELECT quantile_cont(wage, [0.25, 0.3, 0.35, 0.4, 0.45]) FROM wages UNION ALL SELECT quantile_cont(wage, [0.5, 0.55]) FROM wages
SELECT * FROM (SELECT quantile_cont(wage, [0.25, 0.3, 0.35]) FROM wages) a, (SELECT quantile_cont(wage, [0.4, 0.45, 0.5]) FROM wages) b
WITH a AS (SELECT quantile_cont(wage, [0.25, 0.3, 0.35, 0.4, 0.45]) FROM wages), b AS (SELECT quantile_cont(wage, [0.46]) FROM wages) SELECT * FROM a CROSS JOIN b
