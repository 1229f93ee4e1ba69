SELECT person_id, year, wage FROM wages WHERE town = 'Ashford'
SELECT year FROM wages WHERE town IN ('Ashford', 'Putnam') AND wage > 1000
SELECT year FROM wages WHERE town LIKE 'A%' OR year = 2021
SELECT year FROM wages WHERE upper(town) = 'ASHFORD'
SELECT year FROM wages WHERE town = industry OR town IS NOT NULL
SELECT * EXCLUDE (town, employer) FROM wages WHERE town <> 'Putnam'
SELECT count(*) FROM wages WHERE town = 'Ashford'
SELECT year, avg(wage) FROM wages WHERE town = 'Ashford' GROUP BY year
SELECT year, count(*) FILTER (WHERE town = 'Ashford') FROM wages GROUP BY year
SELECT year FROM wages GROUP BY year HAVING count(*) FILTER (WHERE town = 'Ashford') > 3
SELECT year FROM wages QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY year) = 1 AND town = 'Ashford'
SELECT w.year FROM wages w JOIN enrolment e ON e.person_id = w.person_id AND w.town = 'Ashford'
SELECT w.year FROM wages w JOIN firms f ON w.person_id = f.person_id AND w.town = f.town
SELECT year FROM wages WHERE person_id IN (SELECT person_id FROM firms WHERE town = 'Ashford')
SELECT e.grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Ashford')
SELECT year FROM wages w WHERE EXISTS (SELECT 1 FROM firms f WHERE f.person_id = w.person_id AND w.town = 'Ashford')
WITH a AS (SELECT * FROM wages) SELECT year FROM a WHERE town = 'Ashford'
SELECT x.year FROM (SELECT town AS t, year FROM wages) x WHERE x.t = 'Ashford'
SELECT year FROM wages WHERE CASE WHEN town = 'Ashford' THEN wage > 1000 ELSE false END
SELECT person_id FROM enrolment EXCEPT SELECT person_id FROM wages WHERE town = 'Ashford'
SELECT w.year, f.size FROM wages w JOIN firms f ON w.employer = f.employer AND w.person_id = f.person_id
SELECT w.year FROM wages w, firms f WHERE w.employer = f.employer LIMIT 3
SELECT w.year, f.employer FROM wages w JOIN firms f ON w.employer = f.employer LIMIT 3
SELECT year FROM wages WHERE employer IN (SELECT employer FROM firms)
SELECT year FROM wages w WHERE EXISTS (SELECT 1 FROM firms f WHERE f.employer = w.employer)
SELECT f.size, w.wage FROM firms f LEFT JOIN wages w ON w.employer = f.employer AND w.person_id = f.person_id
SELECT e.person_id FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford') w USING (person_id) WHERE w.person_id IS NULL
SELECT e.district FROM enrolment e WHERE person_id IN (SELECT person_id FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id FROM firms WHERE town = 'Ashford')
SELECT e.district FROM enrolment e SEMI JOIN (SELECT person_id FROM wages WHERE town = 'Ashford' UNION ALL SELECT person_id FROM firms) USING (person_id)
SELECT v.y, count(*) FROM (VALUES (2021), (2022)) v(y) JOIN wages w ON w.year = v.y WHERE w.town = 'Ashford' GROUP BY 1
SELECT person_id, year FROM wages EXCEPT SELECT person_id, year FROM wages WHERE town = 'Ashford'
SELECT w.wage FROM wages w ANTI JOIN (SELECT person_id, year FROM wages WHERE town = 'Putnam') u USING (person_id, year)
