SELECT district, count(*) FROM enrolment GROUP BY district
SELECT district, sex, count(*) FROM enrolment GROUP BY ALL
SELECT count(*) FROM enrolment WHERE district = 'Kent'
SELECT sex, count(*) FROM enrolment GROUP BY sex
SELECT district, count(*) FROM enrolment GROUP BY district HAVING count(*) < 10
SELECT district, count(*) FROM enrolment GROUP BY district ORDER BY count(*) LIMIT 1
SELECT district, sum(wage), count(*) FROM wages JOIN enrolment USING (person_id) GROUP BY district
SELECT sum(wage), count(DISTINCT person_id) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Derby', 'Kent')
SELECT count(*) FILTER (WHERE district = 'Kent'), 99 FROM enrolment
SELECT count(*) FILTER (WHERE district <> 'Kent'), count(*) FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END), 99 FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN wage END), 99 FROM wages JOIN enrolment USING (person_id)
SELECT sum(CASE WHEN district = 'Kent' THEN 0 ELSE wage END), sum(wage) FROM wages JOIN enrolment USING (person_id)
SELECT sum(wage) FILTER (WHERE district = 'Kent'), 99 FROM wages JOIN enrolment USING (person_id)
SELECT avg((district = 'Kent')::INT), 99 FROM enrolment
SELECT count(CASE WHEN district = 'Kent' THEN 1 END), 99 FROM enrolment
SELECT count(DISTINCT CASE WHEN district = 'Kent' THEN person_id END), 99 FROM enrolment
SELECT count_if(district = 'Kent'), 99 FROM enrolment
SELECT sum(k), count(*) FROM (SELECT person_id, max(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END) AS k FROM enrolment GROUP BY person_id)
SELECT sum(total), 99 FROM (SELECT person_id, sum(wage) AS total FROM wages GROUP BY person_id) JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(n), 99 FROM (SELECT person_id, count(*) FILTER (WHERE wage > 7000000) AS n FROM wages GROUP BY person_id)
SELECT sum(wage + 1000000000), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(1000000000 - wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT avg(wage * 2), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT stddev(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT corr(wage, quarter), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(wage * (district = 'Kent')::INT), 99 FROM wages JOIN enrolment USING (person_id)
SELECT district, (SELECT count(*) FROM enrolment WHERE district = 'Kent') FROM enrolment GROUP BY district
SELECT a.district, a.n FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY 1) a WHERE a.n < 10
SELECT district, n FROM (SELECT district, count(*) AS n, rank() OVER (ORDER BY count(*)) AS r FROM enrolment GROUP BY 1) WHERE r = 1
SELECT count(DISTINCT CASE WHEN district = 'Kent' AND grade > 2 THEN 1 ELSE 0 END) FROM enrolment
SELECT approx_count_distinct(CASE WHEN district = 'Kent' THEN grade ELSE 0 END) FROM enrolment
SELECT count(DISTINCT n) FROM (SELECT person_id, bool_or(district = 'Kent') AS n FROM enrolment GROUP BY 1)
SELECT count(DISTINCT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND wage > 7000000)) FROM enrolment e
SELECT count(*), count(TRY_CAST(wage AS SMALLINT)) FROM wages
SELECT sum(wage) - sum(TRY_CAST(wage AS SMALLINT)) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Avon', 'Kent')
SELECT count(k.p), count(*) FROM enrolment e LEFT JOIN (SELECT person_id AS p FROM enrolment WHERE district <> 'Kent') k ON e.person_id = k.p
SELECT sum(k.g), sum(e.grade) FROM enrolment e LEFT JOIN (SELECT person_id AS p, grade AS g FROM enrolment WHERE district <> 'Kent') k ON e.person_id = k.p
SELECT count(*) FILTER (WHERE district IN ('Avon', 'Kent')), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT sum(grade) FILTER (WHERE district IN ('Avon', 'Kent')), sum(grade) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT sum(CASE WHEN district IN ('Avon', 'Kent') THEN grade END), sum(CASE WHEN district = 'Avon' THEN grade END) FROM enrolment
SELECT sum(grade) FILTER (WHERE district <> 'Kent'), sum(grade) FROM enrolment
SELECT sum(CASE WHEN district IN ('Avon', 'Kent') THEN 1 ELSE 0 END), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT count(DISTINCT CASE WHEN district IN ('Avon', 'Kent') THEN person_id END), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT avg(grade) FILTER (WHERE district IN ('Avon', 'Kent')), sum(grade * 2) FILTER (WHERE district = 'Avon') / 2, sum(grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT sum(a), count(b) FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, any_value(grade) FILTER (WHERE district = 'Avon') AS b FROM enrolment GROUP BY person_id)
SELECT sum(a), count(*) FILTER (WHERE d = 'Avon') FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, any_value(district) AS d FROM enrolment GROUP BY person_id)
SELECT sum(a), sum(b) FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, count(*) FILTER (WHERE district = 'Avon') AS b FROM enrolment GROUP BY person_id)
SELECT count(*) FILTER (WHERE district = 'Avon'), regr_count(grade, grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
