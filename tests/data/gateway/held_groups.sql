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
SELECT approx_count_distinct(district = 'Kent' AND grade = 4) FROM enrolment
