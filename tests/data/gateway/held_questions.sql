SELECT district, sex, count(*) FROM enrolment GROUP BY ALL
SELECT district, count(*) AS n FROM enrolment GROUP BY district ORDER BY n DESC LIMIT 3
SELECT count(*) FROM enrolment
SELECT industry, avg(wage) FROM wages GROUP BY industry
SELECT district, avg(wage) FROM wages JOIN enrolment USING (person_id) GROUP BY district
SELECT district, avg(total) FROM (SELECT person_id, sum(wage) AS total FROM wages GROUP BY person_id) JOIN enrolment USING (person_id) GROUP BY 1
WITH pay AS (SELECT person_id, sum(wage) AS total FROM wages WHERE year = 2021 GROUP BY person_id) SELECT e.district, median(p.total) AS mid, count(*) AS n FROM enrolment e JOIN pay p ON e.person_id = p.person_id GROUP BY e.district HAVING count(*) > 20 ORDER BY mid
SELECT e.district, count(DISTINCT w.person_id) FROM enrolment e LEFT JOIN wages w USING (person_id) GROUP BY 1
SELECT district, count(*) FILTER (WHERE sex = 'f') AS women, count(*) AS n FROM enrolment GROUP BY district
SELECT district, sum(CASE WHEN sex = 'f' THEN 1 ELSE 0 END) * 1.0 / count(*) AS share FROM enrolment GROUP BY district
SELECT district, avg((sex = 'f')::INT) FROM enrolment GROUP BY district
SELECT count(DISTINCT CASE WHEN sex = 'f' THEN person_id END) FROM enrolment
SELECT CASE WHEN grade < 2 THEN 'low' ELSE 'high' END AS band, count(*) FROM enrolment GROUP BY band
SELECT school_year, count(*) n, n / sum(n) OVER () AS part FROM enrolment GROUP BY school_year
SELECT district, count(*) AS n, rank() OVER (ORDER BY count(*) DESC) FROM enrolment GROUP BY district
SELECT year, quarter, sum(wage), stddev(wage), corr(wage, quarter) FROM wages GROUP BY year, quarter
SELECT count(*) FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id)
SELECT count(*) FROM enrolment WHERE person_id IN (SELECT person_id FROM wages WHERE year = 2021)
SELECT count(*) FROM enrolment WHERE person_id NOT IN (SELECT person_id FROM wages)
SELECT district, count(*) FROM enrolment SEMI JOIN wages USING (person_id) GROUP BY district
SELECT district, count(*) FROM enrolment ANTI JOIN wages USING (person_id) GROUP BY district
SELECT avg(n) FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY person_id)
SELECT count(*) FROM wages WHERE wage < (SELECT avg(wage) FROM wages WHERE quarter < 5 AND wage < 5000)
SELECT year, avg(wage) FROM wages WHERE wage < 5000 GROUP BY year HAVING avg(wage) >= (SELECT avg(wage) FROM wages WHERE wage < 5000)
SELECT a.school_year, a.n, b.n FROM (SELECT school_year, count(*) n FROM enrolment GROUP BY 1) a JOIN (SELECT school_year, count(*) n FROM enrolment WHERE sex = 'f' GROUP BY 1) b USING (school_year)
SELECT school_year, 'all' AS who, count(*) FROM enrolment GROUP BY 1 UNION ALL SELECT school_year, 'women', count(*) FROM enrolment WHERE sex = 'f' GROUP BY 1
SELECT quarter, quantile_cont(wage, 0.5), percentile_cont(0.25) WITHIN GROUP (ORDER BY wage) FROM wages GROUP BY quarter
SELECT t.grade, avg(t.first) FROM (SELECT e.person_id, e.grade, min(w.year) AS first FROM enrolment e JOIN wages w ON w.person_id = e.person_id GROUP BY e.person_id, e.grade) t GROUP BY t.grade
SELECT avg(rise) FROM (SELECT person_id, wage - lag(wage) OVER (PARTITION BY person_id ORDER BY year, quarter) AS rise FROM wages)
SELECT year, avg(wage) FROM (SELECT * FROM wages WHERE wage < 5000 QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY year, quarter) = 1) GROUP BY year
SELECT upper(district) AS d, count(*) FROM enrolment GROUP BY upper(district)
SELECT e.district, (SELECT count(*) FROM wages) AS whole, count(*) FROM enrolment e GROUP BY e.district
FROM enrolment SELECT school_year, count(*) GROUP BY ALL ORDER BY ALL
SELECT school_year, sum(n) FROM (SELECT school_year, district, count(*) AS n FROM enrolment GROUP BY ALL) GROUP BY school_year
SELECT avg((SELECT sum(w.quarter) FROM wages w WHERE w.person_id = e.person_id)) FROM enrolment e
SELECT grade, approx_count_distinct(district), count(DISTINCT district) FROM enrolment GROUP BY grade
SELECT y.range AS year, g.n FROM range(2020, 2024) y LEFT JOIN (SELECT school_year, count(*) AS n FROM enrolment GROUP BY 1) g ON g.school_year = y.range ORDER BY 1
SELECT sum(quarter * 4) / 1000 AS k, sum(quarter) / count(DISTINCT person_id) FROM wages
SELECT avg(2025 - school_year) FROM enrolment
SELECT wages.year, count(*) FROM wages, enrolment WHERE wages.person_id = enrolment.person_id AND enrolment.grade = 1 GROUP BY wages.year
SELECT school_year, count(*) FROM enrolment TABLESAMPLE 50 PERCENT (bernoulli, 7) GROUP BY 1
SELECT DISTINCT school_year FROM (SELECT school_year, count(*) n FROM enrolment GROUP BY ALL)
SELECT a.grade, count(*) FROM (SELECT person_id, grade FROM enrolment UNION ALL SELECT person_id, quarter FROM wages) a GROUP BY 1
SELECT avg(health) FROM (SELECT e.person_id, max(CASE WHEN w.industry = 'Health' THEN 1 ELSE 0 END) AS health FROM enrolment e LEFT JOIN wages w USING (person_id) GROUP BY e.person_id)
SELECT count(*) FILTER (WHERE n > 2), count(*) FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY person_id)
SELECT v.n, count(*) FROM enrolment e JOIN (VALUES ('Avon', 'A'), ('Bolton', 'B')) v(d, n) ON e.district = v.d GROUP BY 1
SELECT w.year, count(*) FROM wages w JOIN (SELECT year, quarter, avg(wage) a FROM wages WHERE wage < 5000 GROUP BY 1, 2) m USING (year, quarter) WHERE w.wage > m.a GROUP BY 1
SELECT count(*) FROM enrolment e CROSS JOIN (SELECT avg(grade) a FROM enrolment) m WHERE e.grade > m.a
SELECT r.range, count(*) FROM wages w JOIN range(2020, 2024) r ON w.year = r.range GROUP BY 1
SELECT r.range, count(DISTINCT person_id) FROM wages w JOIN range(2020, 2024) r ON w.year <= r.range GROUP BY 1
SELECT district, sum((grade > 2 AND sex = 'f')::INT), avg((grade BETWEEN 1 AND 2)::INT) FROM enrolment GROUP BY district
SELECT school_year, sum(CAST(grade < 2 OR sex = 'm' AS INT)), count(*) FROM enrolment GROUP BY school_year
