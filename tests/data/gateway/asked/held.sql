-- A labour economist where answers must be groups: the held world's views (tests/support/held.py),
-- 10 persons and share 0.8, over enrolment, wages and firms. Questions are parted by empty lines.

SELECT year, quarter, count(DISTINCT person_id) AS workers, sum(wage) AS payroll, avg(wage) AS mean, median(wage) AS middle
FROM wages GROUP BY year, quarter ORDER BY year, quarter

SELECT industry, avg(wage) AS mean, stddev(wage) AS sd, count(*) AS n, avg(wage) / stddev(wage) AS signal FROM wages GROUP BY industry

WITH annual AS (SELECT person_id, year, sum(wage) AS pay FROM wages GROUP BY person_id, year)
SELECT year, quantile_cont(pay, 0.25) AS p25, quantile_cont(pay, 0.5) AS p50, quantile_cont(pay, 0.75) AS p75 FROM annual GROUP BY year

WITH q AS (
  SELECT person_id, year * 4 + quarter AS t, wage, lag(wage) OVER (PARTITION BY person_id ORDER BY year, quarter) AS before FROM wages
)
SELECT t, avg(wage - before) AS mean_change, count(before) AS stayers FROM q GROUP BY t ORDER BY t

WITH q AS (SELECT person_id, industry, lead(industry) OVER (PARTITION BY person_id ORDER BY year, quarter) AS next FROM wages)
SELECT industry, next, count(*) AS n FROM q WHERE next IS NOT NULL GROUP BY industry, next

SELECT CASE WHEN wage < 1500 THEN 'low' WHEN wage < 2500 THEN 'middle' ELSE 'high' END AS band, count(*) AS n FROM wages GROUP BY band

SELECT floor(wage / 500) * 500 AS bin, count(DISTINCT person_id) AS persons FROM wages WHERE wage < 5000 GROUP BY bin ORDER BY bin

SELECT e.district, w.year, avg(w.wage) AS mean, count(DISTINCT w.person_id) AS n
FROM wages w JOIN enrolment e USING (person_id) GROUP BY ALL

SELECT e.district, count(*) AS people, count(w.person_id) AS employed, count(w.person_id) / count(*) AS rate
FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wages WHERE year = 2021) w USING (person_id)
GROUP BY e.district

SELECT sum(wage) FILTER (WHERE year = 2022) AS y22, sum(wage) FILTER (WHERE year = 2021) AS y21 FROM wages WHERE industry = 'Retail'

SELECT year, sum(wage) AS payroll, sum(wage) / lag(sum(wage)) OVER (ORDER BY year) - 1 AS growth FROM wages GROUP BY year

SELECT corr(wage, grade) AS r, regr_slope(wage, grade) AS slope, regr_r2(wage, grade) AS r2
FROM wages JOIN enrolment USING (person_id) WHERE industry = 'Retail'

SELECT regr_slope(ln(wage), year) AS trend FROM wages WHERE wage > 0

SELECT avg(ln(wage)) AS mean_log, stddev(ln(wage)) AS sd_log FROM wages WHERE wage > 0 GROUP BY industry

SELECT avg(wage / 1000) AS thousands, sum(wage) * 4 AS annualised FROM wages GROUP BY quarter

SELECT year, avg(round(wage, -2)) AS mean FROM wages GROUP BY year

SELECT f.size, avg(w.wage) AS mean, count(DISTINCT w.person_id) AS n
FROM wages w JOIN firms f USING (person_id) GROUP BY f.size

SELECT size >= 30 AS large, count(DISTINCT person_id) AS n FROM firms GROUP BY large

SELECT w.industry, e.sex, avg(w.wage) AS mean FROM wages w JOIN enrolment e USING (person_id) GROUP BY ALL

WITH m AS (SELECT e.sex, avg(w.wage) AS mean FROM wages w JOIN enrolment e USING (person_id) GROUP BY e.sex)
SELECT max(mean) FILTER (WHERE sex = 'm') / max(mean) FILTER (WHERE sex = 'f') AS gap FROM m

SELECT sex, grade, count(*) AS n FROM enrolment GROUP BY ALL

WITH pay AS (SELECT person_id, sum(wage) AS pay, count(*) AS quarters FROM wages GROUP BY person_id)
SELECT quarters, count(*) AS persons, avg(pay) AS mean FROM pay GROUP BY quarters ORDER BY quarters

WITH pay AS (SELECT person_id, avg(wage) AS pay FROM wages GROUP BY person_id HAVING count(*) >= 2)
SELECT e.district, avg(p.pay) AS mean FROM pay p JOIN enrolment e USING (person_id) GROUP BY 1

WITH treated AS (SELECT person_id FROM firms WHERE size >= 30),
panel AS (SELECT w.person_id, w.year, w.wage, w.person_id IN (SELECT person_id FROM treated) AS t FROM wages w)
SELECT t, year, avg(wage) AS mean, count(DISTINCT person_id) AS n FROM panel GROUP BY t, year

SELECT avg(wage) FILTER (WHERE year = 2022) - avg(wage) FILTER (WHERE year = 2021) AS change, industry FROM wages GROUP BY industry

SELECT year, avg(wage) AS mean, avg(avg(wage)) OVER (ORDER BY year) AS smooth FROM wages GROUP BY year

SELECT industry, count(DISTINCT person_id) AS n, n / sum(n) OVER () AS share FROM (SELECT industry, person_id FROM wages) GROUP BY industry

SELECT year, quarter, avg(wage) AS mean FROM wages WHERE person_id IN (SELECT person_id FROM wages GROUP BY person_id HAVING count(DISTINCT industry) = 1) GROUP BY ALL

SELECT count(DISTINCT person_id) AS never_employed FROM enrolment WHERE person_id NOT IN (SELECT person_id FROM wages)

SELECT school_year, count(*) AS n, count(*) FILTER (WHERE grade >= 3) AS upper, avg(grade) AS mean FROM enrolment GROUP BY school_year

SELECT district, avg(CASE WHEN grade >= 3 THEN 1 ELSE 0 END) AS share FROM enrolment GROUP BY district

SELECT greatest(wage, 0) AS floored, count(*) FROM wages GROUP BY floored

-- refused: query.aggregate-only
SELECT avg(least(wage, 5000)) AS topcoded FROM wages GROUP BY industry

-- refused: query.aggregate-only
SELECT avg(CASE WHEN wage > 5000 THEN 5000 ELSE wage END) AS topcoded FROM wages GROUP BY industry

SELECT sum(wage * size) / sum(size) AS weighted FROM wages JOIN firms USING (person_id)

SELECT var_samp(wage), var_pop(wage), sem(wage) FROM wages WHERE industry = 'Retail' GROUP BY year

SELECT avg(wage) AS mean, avg(wage * wage) AS second_moment FROM wages WHERE industry = 'Retail'

SELECT year, count(*) AS n FROM wages WHERE wage > (SELECT avg(wage) FROM wages) GROUP BY year

WITH m AS (SELECT industry, avg(wage) AS mean FROM wages GROUP BY industry)
SELECT w.industry, count(*) FILTER (WHERE w.wage > m.mean) AS above, count(*) AS n FROM wages w JOIN m USING (industry) GROUP BY w.industry

SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY wage) AS med FROM wages GROUP BY year

SELECT "t0"."industry", AVG("t0"."wage") AS "mean" FROM "wages" AS "t0" GROUP BY 1 ORDER BY "mean" DESC

PIVOT wages ON quarter IN (1, 2, 3, 4) USING avg(wage) GROUP BY year

SELECT avg(a.wage - b.wage) AS change FROM wages a JOIN wages b ON a.person_id = b.person_id AND a.year = b.year AND a.quarter = b.quarter + 1

SELECT e.district, sum(p.pay) AS payroll, sum(p.pay) / count(*) AS per_head
FROM enrolment e JOIN (SELECT person_id, sum(wage) AS pay FROM wages GROUP BY 1) p USING (person_id) GROUP BY e.district

SELECT s.d AS district, s.n, s.n * 100.0 / t.n AS percent FROM (SELECT district AS d, count(*) AS n FROM enrolment GROUP BY 1) s, (SELECT count(*) AS n FROM enrolment) t ORDER BY percent DESC

-- refused: query.aggregate-only
SELECT year, quantile_cont(wage, 0.9) / quantile_cont(wage, 0.1) AS p90_p10 FROM wages GROUP BY year
