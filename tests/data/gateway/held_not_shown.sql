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
