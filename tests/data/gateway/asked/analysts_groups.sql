-- The same kinds of questions where answers must be groups: the demo's early-start (wic, enrolment
-- and benefits, 15 persons, share 0.5). Parted by empty lines.

WITH f AS (SELECT person_id, min(school_year) AS cohort FROM enrolment GROUP BY person_id)
SELECT f.cohort, e.school_year - f.cohort AS years_later, count(DISTINCT e.person_id) AS still FROM f JOIN enrolment e USING (person_id) GROUP BY 1, 2

WITH entry AS (SELECT person_id, min(participation_start) AS index_date FROM wic GROUP BY person_id)
SELECT year(index_date) AS y, count(*) AS entered FROM entry GROUP BY y ORDER BY y

SELECT programme, extract(year FROM month) AS y, count(DISTINCT person_id) AS persons, count(*) AS records, records / persons AS each FROM benefits GROUP BY programme, y

WITH path AS (SELECT person_id, count(DISTINCT programme) AS kinds FROM benefits GROUP BY person_id)
SELECT kinds, count(*) AS n FROM path GROUP BY kinds

WITH flags AS (SELECT e.person_id, e.district, EXISTS (SELECT 1 FROM wic w WHERE w.person_id = e.person_id) AS x,
                      EXISTS (SELECT 1 FROM benefits b WHERE b.person_id = e.person_id AND b.programme = 'snap') AS y FROM enrolment e)
SELECT count_if(x AND y) AS a, count_if(x AND NOT y) AS b, count_if(NOT x AND y) AS c, count_if(NOT x AND NOT y) AS d FROM flags

SELECT e.county, count(DISTINCT e.person_id) AS pupils, count(DISTINCT w.person_id) AS ever_wic FROM enrolment e LEFT JOIN wic w USING (person_id) GROUP BY e.county

WITH Pupils AS (SELECT DISTINCT person_id, county FROM enrolment), SNAP AS (SELECT DISTINCT person_id FROM benefits WHERE programme = 'snap')
SELECT p.county, count(*) AS n, count(s.person_id) AS snap, round(100.0 * count(s.person_id) / count(*), 1) AS percent FROM pupils p LEFT JOIN snap s USING (person_id) GROUP BY p.county

WITH o AS (SELECT county, grade, count(*) AS n FROM enrolment GROUP BY ALL), e AS (SELECT *, sum(n) OVER (PARTITION BY county) * sum(n) OVER (PARTITION BY grade) / sum(n) OVER () AS expected FROM o)
SELECT sum((n - expected) ** 2 / expected) AS chi_square FROM e

SELECT county, 0.5 * sum(abs(a - b)) AS dissimilarity FROM (
  SELECT county, district, count(*) / sum(count(*)) OVER (PARTITION BY county) AS a, 0.2 AS b FROM enrolment GROUP BY county, district
) GROUP BY county

WITH rate AS (SELECT e.county, e.grade, avg(CASE WHEN b.person_id IS NOT NULL THEN 1 ELSE 0 END) AS r
              FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM benefits) b USING (person_id) GROUP BY 1, 2),
weight(grade, w) AS (VALUES ('PK', 0.1), ('K', 0.2), ('1', 0.3), ('2', 0.2), ('3', 0.2))
SELECT county, sum(r * w) / sum(w) AS standardised FROM rate JOIN weight USING (grade) GROUP BY county

SELECT a.grade AS before, b.grade AS after, count(*) AS n FROM enrolment a JOIN enrolment b ON b.person_id = a.person_id AND b.school_year = a.school_year + 1 GROUP BY ALL

SELECT a.district <> b.district AS moved, count(*) AS n FROM enrolment a JOIN enrolment b ON a.person_id = b.person_id AND b.school_year = a.school_year + 1 GROUP BY moved

WITH marked AS (
  SELECT person_id, month, CASE WHEN month - lag(month) OVER w > 31 THEN 1 ELSE 0 END AS is_new FROM benefits WINDOW w AS (PARTITION BY person_id ORDER BY month)
), spells AS (SELECT person_id, sum(is_new) + 1 AS spells FROM marked GROUP BY person_id)
SELECT spells, count(*) AS persons FROM spells GROUP BY spells

SELECT date_trunc('quarter', month) AS q, count(DISTINCT person_id) AS recipients, avg(count(DISTINCT person_id)) OVER (ORDER BY date_trunc('quarter', month) ROWS 3 PRECEDING) AS smooth FROM benefits GROUP BY q ORDER BY q

WITH c AS (SELECT county, count(DISTINCT person_id) AS n FROM wic GROUP BY county) SELECT county, n, rank() OVER (ORDER BY n DESC) AS place, n * 100.0 / sum(n) OVER () AS percent FROM c

SELECT 'wic' AS source, count(DISTINCT person_id) AS persons FROM wic UNION ALL SELECT 'benefits', count(DISTINCT person_id) FROM benefits UNION ALL SELECT 'enrolment', count(DISTINCT person_id) FROM enrolment

SELECT count(*) AS n, count(grade) AS with_grade, count(*) - count(district) AS no_district FROM enrolment

WITH months AS (SELECT unnest(generate_series(DATE '2019-01-01', DATE '2024-12-01', INTERVAL 1 MONTH))::DATE AS month),
n AS (SELECT date_trunc('month', month)::DATE AS month, count(DISTINCT person_id) AS persons FROM benefits GROUP BY 1)
SELECT m.month, coalesce(n.persons, 0) AS persons FROM months m LEFT JOIN n USING (month) ORDER BY 1

SELECT benefit, median(months) AS middle, count(*) AS n FROM (
  SELECT w.person_id, w.benefit, date_diff('month', min(w.participation_start), max(w.participation_start)) AS months FROM wic w GROUP BY ALL
) GROUP BY benefit

SELECT district, count(*) FILTER (WHERE grade = 'K') AS kindergarten, count(*) AS pupils FROM enrolment WHERE school_year = 2022 GROUP BY district HAVING pupils >= 5 ORDER BY kindergarten DESC

SELECT CASE WHEN grade IN ('PK', 'K') THEN 'early' ELSE 'later' END AS stage, school_year, count(DISTINCT person_id) AS n FROM enrolment GROUP BY ALL

PIVOT (SELECT person_id, county, programme FROM benefits) ON programme IN ('snap', 'tanf') USING count(DISTINCT person_id) GROUP BY county
