-- And over the held world (enrolment, wages, firms; 10 persons, share 0.8). Parted by empty lines.

WITH job AS (SELECT DISTINCT person_id, industry, year * 4 + quarter AS t FROM wages),
flags AS (SELECT person_id, industry, t, lag(t) OVER (PARTITION BY person_id, industry ORDER BY t) = t - 1 AS had, lead(t) OVER (PARTITION BY person_id, industry ORDER BY t) = t + 1 AS has FROM job)
SELECT industry, t, count(*) AS flow, count_if(had) AS beginning, count_if(has) AS ending, count_if(had AND has) AS full_quarter FROM flags GROUP BY ALL

WITH job AS (SELECT DISTINCT person_id, industry, year * 4 + quarter AS t FROM wages)
SELECT j.industry, count(*) AS jobs, count(p.person_id) AS had FROM job j LEFT JOIN job p ON p.person_id = j.person_id AND p.industry = j.industry AND p.t = j.t - 1 GROUP BY j.industry

WITH q AS (SELECT DISTINCT person_id, year * 4 + quarter AS t FROM wages),
island AS (SELECT person_id, t - row_number() OVER (PARTITION BY person_id ORDER BY t) AS run FROM q),
spell AS (SELECT person_id, run, count(*) AS length FROM island GROUP BY person_id, run)
SELECT length, count(*) AS spells FROM spell GROUP BY length ORDER BY length

-- refused: query.aggregate-only
WITH cpi(year, level) AS (VALUES (2021, 271.0), (2022, 292.7), (2023, 304.7))
SELECT w.year, avg(w.wage) / max(c.level) * 304.7 AS real_mean FROM wages w JOIN cpi c USING (year) GROUP BY w.year

WITH y AS (SELECT year, avg(wage) AS m, count(*) AS n FROM wages WHERE industry = 'Retail' GROUP BY year), cpi(year, level) AS (VALUES (2021, 271.0), (2022, 292.7), (2023, 304.7))
SELECT year, m * 304.7 / level AS real_mean, n FROM y JOIN cpi USING (year) ORDER BY year

WITH y AS (SELECT year, avg(wage) AS m FROM wages WHERE industry = 'Retail' GROUP BY year)
SELECT year, 100 * m / first_value(m) OVER (ORDER BY year) AS indexed FROM y ORDER BY year

SELECT sum(s * s) AS hhi FROM (SELECT industry, count(*) / sum(count(*)) OVER () AS s FROM wages GROUP BY industry)

SELECT year, stddev_samp(ln(wage)) AS sd_log, count(*) AS n FROM wages WHERE wage > 0 AND industry = 'Retail' GROUP BY year

WITH f AS (SELECT person_id, min(year) AS cohort FROM wages GROUP BY person_id)
SELECT f.cohort, w.year - f.cohort AS k, count(DISTINCT w.person_id) AS n FROM f JOIN wages w USING (person_id) GROUP BY 1, 2

WITH main AS (SELECT person_id, year, arg_max(industry, wage) AS industry FROM wages GROUP BY person_id, year)
SELECT a.industry AS origin, b.industry AS destination, count(*) AS n FROM main a JOIN main b ON a.person_id = b.person_id AND b.year = a.year + 1 GROUP BY ALL

SELECT w.industry, count(DISTINCT w.person_id) AS n, avg(f.size) AS mean_size FROM wages w ASOF JOIN firms f ON w.person_id = f.person_id AND w.quarter >= f.size / 100 GROUP BY w.industry

WITH treated AS (SELECT DISTINCT person_id FROM firms WHERE size >= 30), panel AS (
  SELECT w.person_id, w.year, avg(w.wage) AS pay, any_value(t.person_id IS NOT NULL) AS t FROM wages w LEFT JOIN treated t USING (person_id) GROUP BY w.person_id, w.year)
SELECT t, year, avg(pay) AS mean, count(*) AS n FROM panel GROUP BY t, year

SELECT grade, avg((sex = 'f')::INT) AS girls, count(*) AS n FROM enrolment GROUP BY grade

SELECT district, grade, count(*) AS n, count(*) * 100.0 / sum(count(*)) OVER (PARTITION BY district) AS row_percent FROM enrolment GROUP BY district, grade

WITH Pay AS (SELECT person_id, sum(wage) AS total FROM wages GROUP BY person_id) SELECT e.school_year, avg(P.total) AS mean, count(*) AS n FROM enrolment E JOIN PAY p ON p.person_id = e.person_id GROUP BY 1

SELECT school_year, count(*) AS n, sum(count(*)) OVER (ORDER BY school_year) AS running FROM enrolment GROUP BY school_year

SELECT regr_slope(wage, year) AS b, regr_intercept(wage, year) AS a, regr_r2(wage, year) AS r2, count(*) AS n FROM wages WHERE industry = 'Retail'

WITH m AS (SELECT industry, avg(wage) AS mean, stddev(wage) AS sd FROM wages WHERE industry = 'Retail' GROUP BY industry)
SELECT count(*) FILTER (WHERE w.wage > m.mean + m.sd) AS high, count(*) AS n FROM wages w JOIN m USING (industry)

SELECT quarter, sum(1) AS jobs FROM wages GROUP BY quarter

SELECT y.range AS year, coalesce(g.n, 0) AS n FROM range(2020, 2025) y LEFT JOIN (SELECT year, count(DISTINCT person_id) AS n FROM wages GROUP BY year) g ON g.year = y.range

-- refused: query.aggregate-only
SELECT avg(later - earlier) AS change, count(*) AS n FROM (
  SELECT person_id, avg(wage) FILTER (WHERE year = 2021) AS earlier, avg(wage) FILTER (WHERE year = 2022) AS later FROM wages WHERE industry = 'Retail' GROUP BY person_id
) WHERE earlier IS NOT NULL AND later IS NOT NULL

SELECT year, ntile(4) OVER (ORDER BY avg(wage)) AS part FROM wages WHERE industry = 'Retail' GROUP BY year
