SELECT e.grade, w.wage FROM enrolment e JOIN wages w ON e.person_id = w.person_id
SELECT grade, wage FROM enrolment JOIN wages USING (person_id)
SELECT e.grade FROM enrolment e, wages w WHERE w.person_id = e.person_id AND w.year = 2021
SELECT grade FROM enrolment WHERE person_id IN (SELECT person_id FROM wages WHERE wage > 5000)
SELECT grade FROM enrolment WHERE person_id NOT IN (SELECT person_id FROM wages)
SELECT grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id)
SELECT grade FROM enrolment e WHERE NOT EXISTS (FROM wages w WHERE w.person_id = e.person_id)
SELECT person_id, count(*) FROM wages GROUP BY person_id
SELECT person_id, grade FROM enrolment ORDER BY person_id LIMIT 10
SELECT count(DISTINCT person_id), approx_count_distinct(person_id) FROM wages
SELECT DISTINCT person_id FROM wages
SELECT person_id, row_number() OVER (PARTITION BY person_id ORDER BY year) AS n FROM wages QUALIFY n = 1
SELECT a.year, b.year FROM wages a JOIN wages b ON a.person_id = b.person_id AND a.year < b.year
SELECT a.year FROM wages a JOIN wages b ON a.year = b.year AND a.person_id <> b.person_id LIMIT 5
SELECT e.grade, w.wage FROM enrolment e LEFT JOIN wages w USING (person_id) WHERE w.person_id IS NULL
SELECT coalesce(e.person_id, w.person_id) FROM enrolment e FULL JOIN wages w ON e.person_id = w.person_id
SELECT x.person_id FROM (SELECT person_id FROM enrolment UNION SELECT person_id FROM wages) x JOIN firms f USING (person_id)
SELECT person_id FROM enrolment INTERSECT SELECT person_id FROM wages
SELECT person_id FROM enrolment EXCEPT SELECT person_id FROM wages
SELECT count(DISTINCT CASE WHEN wage > 3000 THEN person_id END) FROM wages
SELECT count(DISTINCT person_id) FILTER (WHERE wage > 3000) FROM wages
SELECT grade, list(person_id) FROM enrolment GROUP BY grade
SELECT * EXCLUDE (sex) FROM enrolment TABLESAMPLE 10 PERCENT (bernoulli, 7)
SELECT e.grade FROM enrolment e SEMI JOIN wages w ON e.person_id = w.person_id
SELECT e.grade, w.wage FROM enrolment e ASOF JOIN wages w ON e.person_id = w.person_id AND e.school_year >= w.year
SELECT person_id, (SELECT max(wage) FROM wages w WHERE w.person_id = e.person_id) FROM enrolment e
SELECT (person_id, grade) FROM enrolment
SELECT * EXCLUDE (sex, person_id) FROM enrolment WHERE district = 'Kent'
WITH firsts AS (SELECT person_id, min(year) AS y FROM wages GROUP BY 1) SELECT w.wage FROM wages w JOIN firsts f ON w.person_id = f.person_id AND w.year = f.y
SELECT grade FROM enrolment WHERE (person_id, school_year) IN (SELECT person_id, year FROM wages)
