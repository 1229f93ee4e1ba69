SELECT town FROM wages
SELECT * FROM wages
SELECT wages.town AS t FROM wages
SELECT x FROM (SELECT town AS x FROM wages)
WITH a(x) AS (SELECT town FROM wages) SELECT x FROM a
WITH a AS (FROM wages), b AS (FROM a) SELECT * FROM b
SELECT upper(town) FROM wages
SELECT town || '' FROM wages
SELECT CASE WHEN town = 'canary-town' THEN 'canary-town' ELSE 'no' END FROM wages
SELECT if(town = 'canary-town', 1, 0) FROM wages
SELECT town = 'canary-town' FROM wages
SELECT town IN ('canary-town') FROM wages
SELECT nullif(town, 'x') FROM wages
SELECT coalesce(NULL, town) FROM wages
SELECT {'a': town} FROM wages
SELECT [town] FROM wages
SELECT struct_pack(t := town) FROM wages
SELECT unnest([town]) FROM wages
SELECT map([1], [town]) FROM wages
SELECT x.a FROM (SELECT {'a': town} AS x FROM wages)
SELECT list_transform([town], lambda t: t) FROM wages
SELECT list_transform([1], lambda i: town) FROM wages
SELECT max(town) FROM wages
SELECT list(town) FROM wages
SELECT string_agg(year::VARCHAR, ',' ORDER BY town) FROM wages
SELECT arg_max(person_id, town) FROM wages
SELECT arg_max(town, wage) FROM wages
SELECT mode(town) FROM wages
SELECT histogram(town) FROM wages
SELECT count(DISTINCT town) FROM wages
SELECT sum(length(town)) FROM wages
SELECT sum(CASE WHEN town = 'canary-town' THEN 1 END) FROM wages GROUP BY person_id
SELECT person_id, count(*) FILTER (WHERE town = 'canary-town') FROM wages GROUP BY person_id
SELECT first_value(town) OVER (ORDER BY wage) FROM wages
SELECT lag(town) OVER (ORDER BY wage) FROM wages
SELECT rank() OVER (ORDER BY town) FROM wages
SELECT row_number() OVER (PARTITION BY town) FROM wages
SELECT count(*) FILTER (WHERE town = 'canary-town') OVER (PARTITION BY person_id) FROM wages
SELECT person_id FROM wages ORDER BY town
SELECT person_id FROM wages ORDER BY town LIMIT 1
SELECT person_id FROM wages ORDER BY CASE WHEN town = 'canary-town' THEN 0 ELSE 1 END
SELECT count(*) FROM wages GROUP BY town
SELECT count(*) FROM wages GROUP BY length(town)
SELECT year, count(*) FROM wages GROUP BY GROUPING SETS ((year), (town))
SELECT DISTINCT town FROM wages
SELECT DISTINCT ON (town) person_id FROM wages
SELECT person_id FROM (SELECT DISTINCT person_id, town FROM wages)
SELECT town FROM wages UNION SELECT 'x'
SELECT person_id FROM wages UNION ALL SELECT town FROM wages
SELECT 'canary-town' INTERSECT SELECT town FROM wages
SELECT 'canary-town' EXCEPT SELECT town FROM wages
SELECT person_id, 'A' FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id, 'P' FROM wages WHERE town = 'Putnam'
SELECT v.t, w.person_id FROM wages w JOIN (VALUES ('Ashford'), ('canary-town')) v(t) ON w.town = v.t
SELECT v.k FROM wages w JOIN (VALUES ('Ashford', 1), ('canary-town', 2)) v(t, k) ON w.town = v.t
SELECT v.t FROM (VALUES ('Ashford'), ('canary-town')) v(t) WHERE v.t IN (SELECT town FROM wages)
SELECT v.t FROM (VALUES ('Ashford'), ('canary-town')) v(t) SEMI JOIN wages w ON w.town = v.t
SELECT v.t, (SELECT count(*) FROM wages WHERE town = v.t) FROM (VALUES ('canary-town')) v(t)
SELECT t FROM unnest(['Ashford', 'canary-town']) u(t), wages WHERE town = t
SELECT r.range FROM range(30) r, wages WHERE length(town) = r.range
SELECT e.district FROM wages w JOIN enrolment e ON w.town = e.district
SELECT person_id, EXISTS (SELECT 1 FROM wages x WHERE x.person_id = w.person_id AND x.town = 'canary-town') FROM wages w
SELECT person_id, (SELECT count(*) FROM wages x WHERE x.person_id = w.person_id AND x.town = 'canary-town') FROM wages w
SELECT e.person_id, x.flag FROM enrolment e LEFT JOIN (SELECT person_id, 1 AS flag FROM wages WHERE town = 'canary-town') x USING (person_id)
SELECT e.person_id, w.wage FROM enrolment e LEFT JOIN wages w ON e.person_id = w.person_id AND w.town = 'canary-town'
SELECT (SELECT town FROM wages LIMIT 1)
SELECT person_id FROM wages WHERE wage > (SELECT avg(length(town)) FROM wages)
SELECT person_id FROM wages QUALIFY max(town) OVER (PARTITION BY person_id) = 'x'
SELECT person_id FROM wages GROUP BY person_id HAVING max(town) = 'canary-town'
WITH RECURSIVE r(t, n) AS (SELECT town, 1 FROM wages UNION ALL SELECT t, n + 1 FROM r WHERE n < 2) SELECT t FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT length(town)::INT FROM wages, r WHERE n < 2) SELECT n FROM r
SELECT * FROM wages POSITIONAL JOIN firms
SELECT COLUMNS(*) FROM wages
SELECT * EXCLUDE (employer) FROM wages
SELECT * REPLACE (town AS industry) FROM wages
SELECT wages FROM wages
SUMMARIZE wages
SUMMARIZE SELECT town FROM wages
SELECT employer FROM wages
SELECT * EXCLUDE (town) FROM wages
SELECT w.employer FROM wages w JOIN firms f ON w.employer = f.employer
SELECT person_id FROM wages WHERE employer = 'canary-employer'
SELECT person_id FROM wages WHERE employer LIKE 'canary%'
SELECT person_id FROM wages WHERE employer IS NULL
SELECT a.person_id FROM wages a JOIN wages b ON a.employer = b.employer
SELECT v.e, w.person_id FROM wages w JOIN (VALUES ('canary-employer')) v(e) ON w.employer = v.e
SELECT f.person_id FROM firms f JOIN wages w ON w.employer > f.employer
SELECT f.person_id FROM firms f JOIN wages w ON upper(w.employer) = f.employer
SELECT coalesce(w.employer, f.employer) FROM wages w FULL JOIN firms f ON w.employer = f.employer
SELECT count(*) FROM wages GROUP BY employer
SELECT person_id FROM wages ORDER BY employer
SELECT f.person_id FROM firms f ASOF JOIN wages w ON w.employer = f.employer AND f.size >= w.town::INT
SELECT person_id, count(*) FROM (SELECT person_id, unnest(range(ascii(town))) u FROM wages) GROUP BY person_id
SELECT w.person_id, count(*) FROM wages w, range(ascii(w.town)) r GROUP BY w.person_id
SELECT w.person_id, count(*) FROM wages w, unnest(range(ascii(w.town))) r GROUP BY w.person_id
SELECT w.year, (SELECT 1 WHERE w.town = 'canary-town') AS f FROM wages w WHERE w.town IS NOT NULL
SELECT w.year, EXISTS (SELECT 1 FROM firms f WHERE f.size > 0 AND w.town = 'canary-town') AS f FROM wages w WHERE w.town IS NOT NULL
SELECT wage, x.f FROM (SELECT * FROM wages WHERE town IS NOT NULL) w LEFT JOIN LATERAL (SELECT 1 f WHERE w.town = 'canary-town') x ON true
SELECT a.wage, x.f FROM wages a LEFT JOIN (SELECT 1 f) x ON replace(a.town, 'canary', '') IS NOT DISTINCT FROM substr(a.town, 1)
SELECT e.person_id, count(*) FROM enrolment e JOIN (SELECT person_id FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id FROM wages WHERE town = 'Putnam' UNION ALL SELECT person_id FROM wages WHERE town = 'Putnam') x USING (person_id) GROUP BY 1
SELECT e.person_id, count(*) FROM enrolment e LEFT JOIN (SELECT person_id FROM wages WHERE town = 'Ashford') x USING (person_id) LEFT JOIN (SELECT person_id FROM wages, range(100) WHERE town = 'Putnam') y USING (person_id) GROUP BY 1
SELECT e.person_id FROM (SELECT person_id FROM wages WHERE town = 'canary-town') x RIGHT JOIN enrolment e USING (person_id)
SELECT e.person_id, x.person_id IS NULL FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'canary-town') x USING (person_id)
SELECT e.person_id, (x.person_id IS NOT NULL)::INT AS a FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') x USING (person_id)
SELECT CASE WHEN x.person_id IS NULL THEN 1 END FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') x USING (person_id)
SELECT x.person_id = e.person_id FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') x USING (person_id)
SELECT e.person_id FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') x USING (person_id) ORDER BY x.person_id IS NULL
SELECT x.person_id IS NULL, count(*) FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') x USING (person_id) GROUP BY 1, e.person_id
(SELECT person_id, x FROM enrolment, (VALUES ('Ashford'), ('Putnam')) v(x) EXCEPT SELECT person_id, 'Ashford' FROM wages WHERE town <> 'Ashford') EXCEPT SELECT person_id, 'Putnam' FROM wages WHERE town <> 'Putnam'
SELECT e.person_id, v.x FROM enrolment e, (VALUES ('Ashford'), ('Putnam')) v(x) WHERE NOT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Putnam' AND v.x = 'Ashford') AND NOT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Ashford' AND v.x = 'Putnam')
SELECT e.person_id, v.x FROM enrolment e, (VALUES ('Ashford'), ('Putnam')) v(x) WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Ashford' AND v.x = 'Ashford') OR EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Putnam' AND v.x = 'Putnam')
SELECT e.person_id, v.x FROM enrolment e CROSS JOIN (VALUES ('Ashford'), ('Putnam')) v(x) ANTI JOIN (SELECT person_id, 'Ashford' AS t FROM wages WHERE town = 'Putnam') w ON e.person_id = w.person_id AND v.x = w.t ANTI JOIN (SELECT person_id, 'Putnam' AS t FROM wages WHERE town = 'Ashford') u ON e.person_id = u.person_id AND v.x = u.t
SELECT e.person_id, v.x FROM enrolment e CROSS JOIN (VALUES ('Ashford'), ('Putnam')) v(x) WHERE (e.person_id, v.x) NOT IN (SELECT person_id, 'Ashford' FROM wages WHERE town = 'Putnam')
SELECT a.person_id, min(b.person_id) FROM wages a JOIN wages b ON a.town = b.town GROUP BY a.person_id
SELECT a.person_id, b.person_id FROM wages a JOIN wages b ON a.town = b.town AND a.person_id < b.person_id
SELECT a.wage, b.size FROM wages a JOIN firms b ON a.town = b.town
SELECT a.wage, b.size FROM wages a, firms b WHERE a.town = b.town
SELECT a.person_id, count(*) FROM wages a JOIN firms b ON a.town = b.town GROUP BY 1
SELECT a.person_id, count(*) OVER (PARTITION BY b.person_id) FROM wages a JOIN firms b ON a.town = b.town
SELECT count(*) FROM wages a JOIN wages b ON a.town = b.town
SELECT a.person_id, b.person_id FROM wages a JOIN wages b ON a.town < b.town
SELECT a.person_id, b.person_id FROM wages a JOIN wages b ON upper(a.town) = upper(b.town)
SELECT a.person_id, b.person_id FROM wages a JOIN wages b ON levenshtein(a.town, b.town) = 0
SELECT a.person_id, b.person_id FROM wages a JOIN wages b ON a.town IS NOT DISTINCT FROM b.town
SELECT a.person_id, b.person_id FROM wages a LEFT JOIN wages b ON a.town = b.town
SELECT a.person_id, b.person_id FROM wages a ASOF JOIN wages b ON a.town >= b.town
SELECT a.person_id FROM wages a WHERE a.town IN (SELECT b.town FROM wages b WHERE b.wage > 7000000)
SELECT a.person_id FROM wages a WHERE EXISTS (SELECT 1 FROM wages b WHERE b.town = a.town AND b.wage > 7000000)
SELECT a.person_id FROM wages a WHERE NOT EXISTS (SELECT 1 FROM firms b WHERE b.town = a.town)
SELECT a.person_id FROM wages a SEMI JOIN firms b ON a.town = b.town
SELECT a.person_id FROM wages a ANTI JOIN wages b ON a.town = b.town AND a.person_id <> b.person_id
SELECT a.person_id, (SELECT min(b.person_id) FROM wages b WHERE b.town = a.town) FROM wages a
SELECT a.person_id, x.n FROM wages a, LATERAL (SELECT count(*) AS n FROM wages b WHERE b.town = a.town) x
SELECT a.person_id FROM wages a NATURAL JOIN (SELECT town, size FROM firms) f
SELECT a.person_id FROM wages a JOIN (SELECT town, size FROM firms) f USING (town)
SELECT wage FROM wages WHERE town = (SELECT town FROM firms WHERE size = 10 LIMIT 1)
SELECT wage FROM wages WHERE town < ALL (SELECT town FROM firms)
SELECT wage FROM wages WHERE town = (SELECT max(town) FROM firms)
SELECT e.person_id FROM enrolment e JOIN wages w ON w.person_id = e.person_id AND w.town > e.district
SELECT DISTINCT ON (person_id) person_id, wage FROM wages ORDER BY person_id, town
SELECT first(wage ORDER BY town) FROM wages
SELECT list(person_id ORDER BY town) FROM wages
SELECT array_agg(wage ORDER BY length(town) DESC) FROM wages
SELECT any_value(town) FROM wages
SELECT arg_min(person_id, town) FROM wages
SELECT arg_max(wage, town, 3) FROM wages
SELECT max(town, 2) FROM wages
SELECT bool_or(town = 'canary-town') FROM wages GROUP BY person_id
SELECT bit_or((town = 'canary-town')::INT) FROM wages
SELECT count_if(town = 'canary-town') FROM wages GROUP BY person_id
SELECT approx_count_distinct(town) FROM wages
SELECT approx_top_k(town, 3) FROM wages
SELECT entropy(town) FROM wages
SELECT bitstring_agg(length(town), 0, 20) FROM wages
SELECT min(hash(town)) FROM wages GROUP BY person_id
SELECT sum(ascii(town)) FROM wages
SELECT corr(length(town), wage) FROM wages
SELECT avg(wage) FILTER (WHERE town = 'Ashford'), person_id FROM wages GROUP BY person_id
SELECT quantile_cont(length(town), 0.5) FROM wages
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY length(town)) FROM wages
SELECT json_group_array(town) FROM wages
SELECT row_number() OVER (ORDER BY town) FROM wages
SELECT count(*) OVER (PARTITION BY town) FROM wages
SELECT sum(wage) OVER (PARTITION BY town = 'canary-town') FROM wages
SELECT sum(wage) OVER (ORDER BY wage ROWS BETWEEN length(town) PRECEDING AND CURRENT ROW) FROM wages
SELECT lead(wage, length(town)) OVER (ORDER BY wage) FROM wages
SELECT lag(wage, 1, length(town)) OVER (ORDER BY wage) FROM wages
SELECT nth_value(wage, length(town)) OVER () FROM wages
SELECT ntile(length(town)) OVER () FROM wages
SELECT fill(length(town)) OVER (ORDER BY wage) FROM wages
SELECT year FROM wages ORDER BY town = 'canary-town'
SELECT year FROM wages ORDER BY ALL LIMIT 1 OFFSET (SELECT max(length(town)) FROM wages)
SELECT year FROM wages LIMIT (SELECT max(length(town)) FROM wages)
SELECT year FROM wages GROUP BY year, town = 'canary-town'
SELECT year, count(*) FROM wages GROUP BY CUBE (year, town)
SELECT DISTINCT town = 'canary-town' FROM wages
SELECT (SELECT town) FROM wages
SELECT (SELECT count(*) FROM range(length(town))) FROM wages
SELECT x.t FROM wages, LATERAL (SELECT town AS t) x
SELECT x.t FROM wages, LATERAL (VALUES (town)) x(t)
SELECT v FROM (UNPIVOT wages ON town, industry INTO NAME n VALUE v)
SELECT n FROM (UNPIVOT wages ON town INTO NAME n VALUE v) WHERE v = 'canary-town'
PIVOT wages ON town IN ('canary-town') USING count(*) GROUP BY person_id
PIVOT wages ON (town = 'Ashford') IN (true, false) USING count(*) GROUP BY person_id
PIVOT wages ON year IN (2021) USING max(town)
SELECT person_id, year FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id, -year FROM wages WHERE town = 'Putnam' UNION ALL SELECT person_id, 0 FROM wages WHERE town = 'canary-town'
SELECT person_id, 'x' AS t FROM wages WHERE town = 'canary-town' UNION BY NAME SELECT person_id FROM wages
SELECT person_id, town FROM wages EXCEPT SELECT person_id, 'Ashford' FROM wages
SELECT person_id FROM wages WHERE town = 'Ashford' INTERSECT SELECT town FROM wages
SELECT e.person_id, x.w FROM enrolment e LEFT JOIN (SELECT person_id, max(wage) AS w FROM wages WHERE town = 'canary-town' GROUP BY 1) x USING (person_id)
SELECT e.person_id, count(x.person_id) FROM enrolment e LEFT JOIN (SELECT person_id FROM wages WHERE town = 'canary-town') x USING (person_id) GROUP BY 1
SELECT coalesce(x.person_id, 'none') FROM enrolment e LEFT JOIN (SELECT person_id FROM wages WHERE town = 'canary-town') x USING (person_id)
SELECT e.person_id, x.year FROM enrolment e ASOF LEFT JOIN (SELECT * FROM wages WHERE town = 'canary-town') x ON e.person_id = x.person_id AND e.school_year >= x.year
SELECT * EXCLUDE (town) REPLACE (town = 'canary-town' AS year) FROM wages
SELECT * RENAME (town AS year2) FROM wages
SELECT TRY(CASE WHEN town = 'canary-town' THEN 1 / (wage - wage) END) FROM wages
SELECT year + (town = 'canary-town')::INT FROM wages
SELECT wage * (town = 'canary-town')::INT FROM wages
SELECT nullif(wage, length(town)) FROM wages
SELECT list_filter([1, 2], lambda i: i = length(town)) FROM wages
SELECT [x FOR x IN [1] IF town = 'canary-town'] FROM wages
SELECT format('{}', town) FROM wages
SELECT strftime(DATE '2020-01-01', town) FROM wages
SELECT regexp_extract('canary-town Ashford', town) FROM wages
SELECT range(length(town)) FROM wages
SELECT date_part(CASE WHEN town = 'canary-town' THEN 'year' ELSE 'month' END, DATE '2020-02-01') FROM wages
SELECT employer FROM wages UNION SELECT employer FROM firms
SELECT count(DISTINCT employer) FROM wages
SELECT a.person_id FROM wages a JOIN wages b USING (employer)
SELECT person_id FROM wages WHERE employer IN (SELECT industry FROM wages)
SELECT person_id FROM wages WHERE employer IN ('canary-employer', 'e1')
SELECT person_id FROM wages WHERE employer = 'canary-' || 'employer'
SELECT w.person_id, f.size FROM wages w LEFT JOIN firms f ON w.employer = f.employer AND f.employer <> w.employer || 'x'
SELECT w.person_id FROM wages w JOIN firms f ON w.employer >= f.employer AND w.employer <= f.employer
SELECT w.person_id FROM wages w JOIN firms f ON hash(w.employer) = hash(f.employer)
SELECT min(employer) FROM wages GROUP BY person_id
SELECT lag(employer) OVER (ORDER BY wage) FROM wages
SELECT {'e': employer} FROM wages
SELECT grade FROM enrolment WHERE row(person_id, 1) < row('0154a6f6-0e6c-52c4-b709-95aaead8423e', 2)
SELECT grade FROM enrolment WHERE json_object('p', person_id) = json_object('p', '0154a6f6-0e6c-52c4-b709-95aaead8423e')
SELECT grade FROM enrolment WHERE (person_id COLLATE nocase) = '0154a6f6-0e6c-52c4-b709-95aaead8423e'
SELECT e.grade FROM enrolment e JOIN (PIVOT wages ON year IN (2021) USING max(person_id)) x ON x."2021" = e.person_id
SELECT string_agg(grade::VARCHAR, ',' ORDER BY person_id <-> '0154a6f6-0e6c-52c4-b709-95aaead8423e') FROM enrolment
SELECT grade FROM enrolment, range(strpos(person_id, '0154a6f6-0e6c-52c4-b709-95aaead8423e')) r
PIVOT enrolment ON (person_id = '0154a6f6-0e6c-52c4-b709-95aaead8423e') IN (true) USING max(grade)
DESCRIBE SELECT grade FROM enrolment WHERE person_id = '0154a6f6-0e6c-52c4-b709-95aaead8423e' AND stats(grade) IS NULL
SELECT e.person_id, x.flag FROM (SELECT DISTINCT person_id, 1 AS flag FROM wages WHERE town = 'canary-town') x RIGHT JOIN enrolment e USING (person_id)
SELECT e.person_id, x.flag FROM (SELECT DISTINCT person_id, 1 AS flag FROM wages WHERE town = 'canary-town') x FULL JOIN enrolment e ON x.person_id = e.person_id
SELECT e.grade, w.wage FROM wages w RIGHT JOIN enrolment e ON e.person_id = w.person_id AND w.town = 'canary-town'
SELECT e.grade, max(x.flag) FROM (SELECT person_id, 1 AS flag FROM wages WHERE town = 'canary-town' GROUP BY 1) x RIGHT JOIN enrolment e USING (person_id) GROUP BY e.person_id, e.grade
SELECT e.grade FROM (SELECT person_id, 1 AS flag FROM wages WHERE town = 'canary-town' GROUP BY 1) x RIGHT JOIN enrolment e USING (person_id) ORDER BY x.flag
SELECT DISTINCT ON (town) year FROM wages
SELECT DISTINCT ON (year) year, quarter FROM wages ORDER BY year, town
SELECT year FROM wages ORDER BY town
SELECT year FROM wages ORDER BY town LIMIT 1
SELECT year FROM wages ORDER BY hash(town)
SELECT year FROM wages ORDER BY (town = 'Putnam')
SELECT year FROM wages ORDER BY CASE WHEN town = 'Putnam' THEN 0 ELSE 1 END
SELECT year FROM wages LIMIT 1 OFFSET (SELECT ascii(town) FROM wages LIMIT 1)
SELECT year FROM wages QUALIFY row_number() OVER (ORDER BY town) = 1
SELECT year FROM wages QUALIFY row_number() OVER (PARTITION BY town) = 1
SELECT year, rank() OVER (ORDER BY town) FROM wages
SELECT year, count(*) OVER (PARTITION BY town) FROM wages
SELECT year, lag(town) OVER (ORDER BY year) FROM wages
SELECT year, first_value(town) OVER () FROM wages
SELECT year, count(*) FILTER (WHERE town = 'Putnam') OVER (PARTITION BY person_id) FROM wages
SELECT year, sum(1) OVER (ORDER BY year RANGE BETWEEN length(town) PRECEDING AND CURRENT ROW) FROM wages
SELECT min(town) FROM wages
SELECT string_agg(town, ',') FROM wages
SELECT arg_max(wage, town) FROM wages
SELECT max_by(person_id, town) FROM wages
SELECT list(wage ORDER BY town) FROM wages
SELECT count(town) FROM wages
SELECT count(DISTINCT (town, person_id)) FROM wages
SELECT bool_or(town = 'Putnam') FROM wages
SELECT count_if(town = 'Putnam') FROM wages
SELECT sum(CASE WHEN town = 'Putnam' THEN 1 ELSE 0 END) FROM wages
SELECT sum((town = 'Putnam')::INT) FROM wages
SELECT person_id, sum(wage) FILTER (WHERE town = 'Putnam') FROM wages GROUP BY person_id
SELECT person_id, (SELECT max(town) FROM wages w WHERE w.person_id = f.person_id) FROM firms f
SELECT person_id, EXISTS (SELECT 1 FROM wages w WHERE w.person_id = f.person_id AND town = 'Putnam') FROM firms f
SELECT person_id, person_id IN (SELECT person_id FROM wages WHERE town = 'Putnam') FROM firms
SELECT person_id, (SELECT count(*) FROM wages w WHERE w.person_id = f.person_id AND town = 'Putnam') FROM firms f
SELECT f.person_id, w.year FROM firms f LEFT JOIN wages w ON w.person_id = f.person_id AND w.town = 'Putnam'
SELECT f.person_id, w.person_id IS NULL FROM firms f LEFT JOIN (SELECT * FROM wages WHERE town = 'Putnam') w USING (person_id)
SELECT coalesce(w.town, 'x') FROM firms f LEFT JOIN wages w USING (person_id)
SELECT nullif(town, 'Putnam') FROM wages
SELECT CASE town WHEN 'Putnam' THEN year ELSE quarter END FROM wages
SELECT if(town = 'Putnam', 1, 0) FROM wages
SELECT town IS NULL FROM wages
SELECT length(town) FROM wages
SELECT concat_ws(',', year, town) FROM wages
SELECT {'a': town}.a FROM wages
SELECT MAP {'a': town} FROM wages
SELECT row(town, year) FROM wages
SELECT struct_pack(a := town) FROM wages
SELECT to_json(town) FROM wages
SELECT json_object('a', town) FROM wages
SELECT hash(town) FROM wages
SELECT md5(town) FROM wages
SELECT TRY(CAST(town AS INT)) FROM wages
SELECT TRY_CAST(town AS INT) IS NULL FROM wages
SELECT town::VARCHAR FROM wages
SELECT CAST(town AS BLOB) FROM wages
SELECT town COLLATE NOCASE FROM wages
SELECT wages.town FROM wages
SELECT main.wages.town FROM wages
SELECT w.town FROM wages w
SELECT w.* FROM wages w
SELECT * REPLACE ('a' AS town) FROM wages
SELECT * RENAME (town AS z) FROM wages
SELECT * LIKE 'town' FROM wages
SELECT * ILIKE '%OW%' FROM wages
SELECT * SIMILAR TO 't.*' FROM wages
SELECT * GLOB 't*' FROM wages
SELECT * NOT LIKE 'e%' FROM wages
SELECT COLUMNS('town') FROM wages
SELECT COLUMNS(lambda c: c = 'town') FROM wages
SELECT COLUMNS(* EXCLUDE (employer)) FROM wages
SELECT *COLUMNS('t.*') FROM wages
SELECT max(COLUMNS(*)) FROM wages
SELECT w FROM wages w
SELECT unnest(w) FROM wages w
SELECT w['town'] FROM wages w
SELECT struct_extract(w, 'town') FROM wages w
SELECT (w).town FROM wages w
SELECT to_json(w) FROM wages w
SELECT list_transform([1], lambda x: town) FROM wages
SELECT list_filter([1, 2], lambda x: town = 'Putnam') FROM wages
SELECT list_transform([town], lambda x: length(x)) FROM wages
SELECT [x || town for x in ['a']] FROM wages
SELECT [x for x in ['a'] if town = 'Putnam'] FROM wages
SELECT list_reduce([1, 2], lambda a, b: length(town)) FROM wages
SELECT year FROM wages GROUP BY year, town
SELECT year, count(*) FROM wages GROUP BY GROUPING SETS ((year), (town, year))
SELECT year FROM wages GROUP BY year HAVING max(town) = 'Putnam'
SELECT year FROM wages GROUP BY year HAVING count(DISTINCT town) > 1
SELECT year, grouping(town) FROM wages GROUP BY year, town
SELECT a.person_id FROM wages a JOIN wages b ON a.town = b.town
SELECT a.person_id, b.person_id FROM wages a, wages b WHERE a.town < b.town
SELECT a.person_id FROM wages a JOIN firms b ON a.town = b.town
SELECT a.person_id FROM wages a JOIN firms b USING (town)
SELECT a.person_id FROM wages a ANTI JOIN firms b ON a.town = b.town
SELECT x, count(*) FROM wages, unnest(['Putnam', 'Ashford']) u(x) WHERE town = x GROUP BY x
SELECT 'a' AS k, year FROM wages WHERE town = 'Putnam' UNION ALL SELECT 'b', year FROM wages WHERE town = 'Ashford'
SELECT year, person_id FROM wages WHERE town = 'Putnam' UNION ALL BY NAME SELECT 2 AS q, person_id FROM wages
FROM (SELECT person_id, town AS z FROM wages) SELECT z
WITH a AS (SELECT town AS z FROM wages) SELECT z FROM a
WITH a(z) AS (SELECT town FROM wages) SELECT max(z) FROM a
WITH a AS MATERIALIZED (SELECT person_id, town = 'Putnam' AS z FROM wages) SELECT person_id, z FROM a
WITH RECURSIVE r AS (SELECT town z FROM wages UNION SELECT z FROM r) SELECT z FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT count(*) FROM wages WHERE town = 'Putnam')) SELECT max(n) FROM r
SELECT l.z FROM wages w, LATERAL (SELECT w.town AS z) l
SELECT w.person_id, l.z FROM wages w LEFT JOIN LATERAL (SELECT 1 AS z WHERE w.town = 'Putnam') l ON TRUE
SELECT n FROM wages w, range(length(w.town)) r(n)
SELECT u.x FROM wages w, unnest([w.town]) u(x)
SELECT unnest(string_split(town, '')) FROM wages
SELECT year FROM wages, unnest(range(length(town)))
SELECT regexp_split_to_table(town, '') FROM wages
FROM wages UNPIVOT (z FOR n IN (town, industry))
UNPIVOT wages ON town, industry INTO NAME n VALUE z
FROM wages UNPIVOT (z FOR n IN (COLUMNS('.*')))
PIVOT wages ON town USING count(*)
PIVOT wages ON town IN ('Putnam', 'Ashford') USING count(*) GROUP BY person_id
PIVOT wages ON year IN (2021) USING max(town) GROUP BY person_id
FROM wages PIVOT (max(town) FOR year IN (2021))
SUMMARIZE SELECT length(town) AS x FROM wages
SELECT person_id FROM wages WHERE town = (SELECT min(town) FROM wages)
SELECT person_id FROM wages WHERE town IN (SELECT industry FROM wages)
SELECT person_id FROM wages w WHERE town = (SELECT town FROM wages x WHERE x.person_id <> w.person_id LIMIT 1)
SELECT person_id FROM wages WHERE error(town)
SELECT person_id, 1 / (CASE WHEN town = 'Putnam' THEN 0 ELSE 1 END) FROM wages
SELECT person_id FROM wages TABLESAMPLE reservoir(5) REPEATABLE (1) WHERE length(town) > 3 ORDER BY town
SELECT alias(town) FROM wages
SELECT stats(town) FROM wages
SELECT person_id AS town FROM wages ORDER BY town, wages.town
SELECT 1 AS town, year FROM wages WHERE town = 'Putnam' ORDER BY wages.town
SELECT year AS z, town AS z FROM wages
SELECT #1 FROM (SELECT town FROM wages)
SELECT year FROM wages ORDER BY #1, town
SELECT bar(length(town), 0, 10, 10) FROM wages
SELECT printf('%s', town) FROM wages
SELECT greatest(town, 'A') FROM wages
SELECT town = 'Putnam' FROM wages
SELECT town LIKE 'P%' FROM wages
SELECT town BETWEEN 'A' AND 'Q' FROM wages
SELECT NOT (town = 'Putnam') FROM wages
SELECT year * (town = 'Putnam')::INT FROM wages
SELECT wage + length(town) * 0 FROM wages
SELECT substr('ab', length(town), 1) FROM wages
SELECT list_value(1, 2, 3)[length(town)] FROM wages
SELECT array_value(1, 2)[ascii(town)] FROM wages
SELECT DATE '2020-01-01' + length(town)::INT FROM wages
SELECT INTERVAL (length(town)) DAY FROM wages
SELECT TIMESTAMP '2020-01-01' AT TIME ZONE town FROM wages
SELECT regexp_replace('a', 'a', town) FROM wages
SELECT lpad('', 1, town) FROM wages
SELECT variance(length(town)) FROM wages
SELECT sum(wage) OVER q FROM wages WINDOW q AS (PARTITION BY town)
SELECT year FROM wages GROUP BY year ORDER BY max(town)
SELECT year FROM wages UNION SELECT year FROM wages ORDER BY (SELECT max(town) FROM wages)
SELECT year, (SELECT year FROM wages x WHERE x.town = w.town LIMIT 1) FROM wages w
SELECT a.person_id FROM wages a FULL JOIN firms b ON a.person_id = b.person_id AND a.town = 'Putnam'
SELECT b.person_id, count(a.person_id) FROM wages a RIGHT JOIN firms b ON a.person_id = b.person_id AND a.town = 'Putnam' GROUP BY 1
SELECT b.person_id, count(*) FROM firms b LEFT JOIN (SELECT person_id FROM wages WHERE town = 'Putnam') a USING (person_id) GROUP BY 1
SELECT b.person_id FROM firms b, LATERAL (SELECT count(*) n FROM wages a WHERE a.person_id = b.person_id AND town = 'Putnam') l ORDER BY n
SELECT min(year) FROM wages HAVING max(town) > 'Q'
SELECT ALL town FROM wages
TABLE wages
FROM wages
FROM wages SELECT town
SELECT ARRAY(SELECT town FROM wages)
SELECT ARRAY(SELECT year FROM wages ORDER BY town)
SELECT year FROM wages WHERE (SELECT town FROM wages LIMIT 1) = 'Putnam'
SELECT getvariable('x') FROM wages WHERE town = 'a'
SELECT list_contains(['Putnam'], town) FROM wages
SELECT map_extract(MAP {'Putnam': 1}, town) FROM wages
SELECT person_id FROM wages WHERE contains(town, (SELECT max(industry) FROM wages))
SELECT json_extract('{"Putnam":1}', '$.' || town) FROM wages
SELECT DISTINCT person_id, town > 'M' FROM wages
SELECT f.person_id, q.n FROM firms f LEFT JOIN (SELECT person_id, count(*) n FROM wages WHERE town = 'Putnam' GROUP BY 1) q USING (person_id)
SELECT person_id, max(CASE WHEN w.year > 0 THEN 1 END) FROM firms LEFT JOIN (SELECT * FROM wages WHERE town LIKE 'P%') w USING (person_id) GROUP BY 1
SELECT person_id, count(*) FROM (SELECT person_id FROM wages WHERE town = 'Putnam' UNION ALL SELECT person_id FROM firms) GROUP BY 1
SELECT person_id, count(*) FROM (SELECT person_id FROM wages WHERE town = 'Putnam' UNION SELECT person_id FROM firms) GROUP BY 1
SELECT employer FROM wages WHERE employer = 'e1'
SELECT year FROM wages WHERE employer = 'e1'
SELECT year FROM wages WHERE employer IN ('e1', 'e2')
SELECT year FROM wages WHERE employer LIKE 'e%'
SELECT year FROM wages WHERE employer IS NOT NULL
SELECT year FROM wages WHERE employer IN (SELECT 'e1')
SELECT year FROM wages w JOIN firms f ON w.employer || '' = f.employer
SELECT year FROM wages w JOIN firms f ON substr(w.employer, 2) = f.employer
SELECT year FROM wages w JOIN firms f ON w.employer > f.employer
SELECT year FROM wages w JOIN firms f ON w.employer = 'e1'
SELECT a.year FROM wages a JOIN wages b ON a.employer = b.employer AND a.person_id <> b.person_id
SELECT sex FROM enrolment
SELECT person_id FROM enrolment WHERE sex = 'f'
SELECT person_id, count(*) FILTER (WHERE sex = 'f') FROM enrolment GROUP BY person_id
SELECT district, max(sex) FROM enrolment GROUP BY district
SELECT sex, list(person_id) FROM enrolment GROUP BY sex
SELECT person_id FROM enrolment ORDER BY sex
SELECT person_id, rank() OVER (ORDER BY sex) FROM enrolment
SELECT person_id FROM enrolment WHERE EXISTS (SELECT 1 FROM enrolment x WHERE x.person_id = enrolment.person_id AND x.sex = 'f')
SELECT w.person_id FROM wages w SEMI JOIN enrolment e ON e.person_id = w.person_id AND e.sex = 'f'
SELECT sex, count(*) FROM enrolment GROUP BY ROLLUP (sex)
SELECT DISTINCT sex FROM enrolment
SUMMARIZE enrolment
SELECT approx_top_k(sex, 5) FROM enrolment
SELECT sex, count(*) OVER () FROM enrolment
SELECT sex FROM enrolment UNION SELECT 'a'
