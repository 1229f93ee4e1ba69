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
