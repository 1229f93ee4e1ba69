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
