-- Answers must be groups: the demo's early-start as its agreement has it (mode aggregate-only, 15
-- persons, share 0.5) over wic, enrolment and benefits. An education researcher and a public-health
-- analyst, who know that they get groups. Questions are parted by empty lines.

SELECT school_year, district, grade, count(DISTINCT person_id) AS pupils
FROM enrolment GROUP BY ALL ORDER BY ALL

SELECT sex, count(*) AS n FROM enrolment WHERE grade = 'K' GROUP BY sex

WITH ever_wic AS (SELECT DISTINCT person_id FROM wic)
SELECT e.school_year, e.district, count(*) AS pupils, count(w.person_id) AS had_wic,
       round(100.0 * count(w.person_id) / count(*), 1) AS percent
FROM enrolment e LEFT JOIN ever_wic w USING (person_id)
GROUP BY e.school_year, e.district

SELECT e.county, count(DISTINCT e.person_id) AS children
FROM enrolment e
WHERE e.person_id IN (SELECT person_id FROM wic WHERE benefit = 'child')
GROUP BY e.county

SELECT e.county, count(DISTINCT e.person_id) AS children_without
FROM enrolment e
WHERE NOT EXISTS (SELECT 1 FROM wic w WHERE w.person_id = e.person_id)
GROUP BY e.county

SELECT district, count(*) FILTER (WHERE sex = 'F') AS girls, count(*) FILTER (WHERE sex = 'M') AS boys
FROM enrolment GROUP BY district

SELECT benefit, date_trunc('year', participation_start) AS year, count(*) AS starts
FROM wic GROUP BY benefit, year ORDER BY year

SELECT programme, count(DISTINCT person_id) AS persons, count(*) / count(DISTINCT person_id) AS months_each
FROM benefits GROUP BY programme

WITH months AS (SELECT person_id, count(DISTINCT month) AS n FROM benefits GROUP BY person_id)
SELECT CASE WHEN n <= 3 THEN '1-3' WHEN n <= 12 THEN '4-12' ELSE 'more than a year' END AS spell, count(*) AS persons
FROM months GROUP BY spell

WITH months AS (SELECT person_id, count(*) AS n FROM benefits WHERE programme = 'snap' GROUP BY person_id)
SELECT e.district, avg(m.n) AS mean_months, stddev(m.n) AS sd
FROM enrolment e JOIN months m USING (person_id)
GROUP BY e.district

WITH cohort AS (
  SELECT person_id, min(school_year) AS entry FROM enrolment WHERE grade IN ('PK', 'K') GROUP BY person_id
), wic_before AS (
  SELECT c.person_id, c.entry, bool_or(w.participation_start < make_date(c.entry, 9, 1)) AS before
  FROM cohort c LEFT JOIN wic w USING (person_id) GROUP BY c.person_id, c.entry
)
SELECT entry, coalesce(before, false) AS had_wic_before_school, count(*) AS children
FROM wic_before GROUP BY ALL ORDER BY ALL

SELECT e.school_year,
       count(DISTINCT e.person_id) AS pupils,
       count(DISTINCT CASE WHEN b.programme = 'snap' THEN e.person_id END) AS snap,
       count(DISTINCT CASE WHEN b.programme = 'tanf' THEN e.person_id END) AS tanf
FROM enrolment e LEFT JOIN benefits b USING (person_id)
GROUP BY e.school_year

SELECT a.grade AS from_grade, b.grade AS to_grade, count(*) AS n
FROM enrolment a JOIN enrolment b ON a.person_id = b.person_id AND b.school_year = a.school_year + 1
GROUP BY 1, 2

WITH t AS (
  SELECT a.grade AS g, b.grade AS h, count(*) AS n
  FROM enrolment a JOIN enrolment b ON a.person_id = b.person_id AND b.school_year = a.school_year + 1
  GROUP BY 1, 2
)
SELECT g, h, n, n / sum(n) OVER (PARTITION BY g) AS share FROM t

WITH n AS (SELECT school_year, district, count(DISTINCT person_id) AS pupils FROM enrolment GROUP BY 1, 2)
SELECT *, pupils - lag(pupils) OVER (PARTITION BY district ORDER BY school_year) AS change,
       rank() OVER (PARTITION BY school_year ORDER BY pupils DESC) AS place
FROM n

SELECT county, count(*) AS n FROM wic GROUP BY county
UNION ALL
SELECT county, count(*) FROM enrolment GROUP BY county

SELECT 'wic' AS source, count(DISTINCT person_id) AS persons FROM wic
UNION ALL
SELECT 'benefits', count(DISTINCT person_id) FROM benefits
UNION ALL
SELECT 'enrolment', count(DISTINCT person_id) FROM enrolment

SELECT district, grade, count(*) AS n FROM enrolment GROUP BY district, grade HAVING count(*) >= 20 ORDER BY n DESC LIMIT 10

-- refused: query.aggregate-only
SELECT median(date_diff('month', w.participation_start, make_date(e.school_year, 9, 1))) AS months_before_school
FROM enrolment e JOIN wic w USING (person_id) WHERE e.grade = 'K'

SELECT e.district, quantile_cont(n.months, [0.25, 0.5, 0.75]) AS quartiles
FROM enrolment e JOIN (SELECT person_id, count(*) AS months FROM benefits GROUP BY 1) n USING (person_id)
GROUP BY e.district

WITH first_wic AS (SELECT person_id, min(participation_start) AS start FROM wic GROUP BY person_id),
first_benefit AS (SELECT person_id, min(month) AS start FROM benefits GROUP BY person_id)
SELECT CASE WHEN b.start IS NULL THEN 'never' WHEN b.start < w.start THEN 'before' ELSE 'after' END AS order_of, count(*) AS n
FROM first_wic w LEFT JOIN first_benefit b USING (person_id)
GROUP BY order_of

SELECT e.school_year, e.grade, count(*) AS n, avg(CASE WHEN w.person_id IS NOT NULL THEN 1.0 ELSE 0 END) AS wic_share
FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM wic) w USING (person_id)
GROUP BY e.school_year, e.grade

-- refused: query.aggregate-only
SELECT district, count(*) AS n FROM enrolment GROUP BY ROLLUP (district)

PIVOT enrolment ON grade IN ('PK', 'K', '1') USING count(*) GROUP BY district

FROM enrolment PIVOT (count(DISTINCT person_id) FOR school_year IN (2021, 2022, 2023) GROUP BY district)

SELECT district, sum(CASE WHEN grade = 'K' THEN 1 ELSE 0 END) AS kindergarten, count(*) AS everyone
FROM enrolment GROUP BY district

SELECT date_trunc('quarter', month) AS quarter, programme, count(DISTINCT person_id) AS persons
FROM benefits WHERE month BETWEEN DATE '2020-01-01' AND DATE '2021-12-31' GROUP BY ALL

WITH monthly AS (SELECT month, count(DISTINCT person_id) AS n FROM benefits GROUP BY month)
SELECT month, n, avg(n) OVER (ORDER BY month ROWS BETWEEN 11 PRECEDING AND CURRENT ROW) AS moving, sum(n) OVER (ORDER BY month) AS running
FROM monthly ORDER BY month

WITH spine AS (SELECT range::DATE AS month FROM range(DATE '2020-01-01', DATE '2022-01-01', INTERVAL 1 MONTH)),
n AS (SELECT month, count(DISTINCT person_id) AS persons FROM benefits GROUP BY month)
SELECT s.month, coalesce(n.persons, 0) AS persons FROM spine s LEFT JOIN n USING (month)

SELECT e.county, count(*) AS pupils, count(*) / p.population * 1000 AS per_thousand
FROM enrolment e JOIN (VALUES ('Hartford', 899498), ('Tolland', 149788), ('Windham', 116418)) p(county, population) USING (county)
GROUP BY e.county, p.population

WITH n AS (SELECT county, count(DISTINCT person_id) AS persons FROM benefits GROUP BY county)
SELECT n.county, n.persons, 1000.0 * n.persons / p.population AS rate
FROM n JOIN (VALUES ('Hartford', 899498), ('Tolland', 149788)) p(county, population) USING (county)

SELECT e.sex, count(DISTINCT e.person_id) AS children, avg(m.n) AS months
FROM enrolment e JOIN (SELECT person_id, count(*) AS n FROM benefits GROUP BY person_id) m USING (person_id)
WHERE e.school_year = 2022
GROUP BY e.sex

SELECT corr(m.n, w.n) AS r, regr_slope(m.n, w.n) AS slope
FROM (SELECT person_id, count(*) AS n FROM benefits GROUP BY person_id) m
JOIN (SELECT person_id, count(*) AS n FROM wic GROUP BY person_id) w USING (person_id)

SELECT count(DISTINCT person_id) AS in_all_three
FROM enrolment
WHERE person_id IN (SELECT person_id FROM wic) AND person_id IN (SELECT person_id FROM benefits)

SELECT count(*) FROM (SELECT person_id FROM wic INTERSECT SELECT person_id FROM benefits)

SELECT count(DISTINCT district) AS districts FROM enrolment

SELECT upper(trim(district)) AS district, count(*) AS n FROM enrolment GROUP BY 1

SELECT substr(district, 1, 1) AS letter, count(*) FROM enrolment WHERE district LIKE '%o%' GROUP BY letter

SELECT grade IN ('PK', 'K') AS early, count(*) AS n FROM enrolment GROUP BY early

SELECT if(grade = 'PK', 'pre', 'school') AS level, school_year, count(DISTINCT person_id) FROM enrolment GROUP BY ALL

WITH latest AS (
  SELECT * FROM enrolment QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY school_year DESC) = 1
)
SELECT district, count(*) AS children FROM latest GROUP BY district

WITH latest AS (
  SELECT person_id, district, row_number() OVER (PARTITION BY person_id ORDER BY school_year DESC) AS nr FROM enrolment
)
SELECT district, count(*) AS children FROM latest WHERE nr = 1 GROUP BY district

WITH moved AS (
  SELECT person_id, district, lag(district) OVER (PARTITION BY person_id ORDER BY school_year) AS before FROM enrolment
)
SELECT count(*) FILTER (WHERE district <> before) AS moves, count(*) AS records FROM moved

WITH spells AS (
  SELECT person_id, month, month - INTERVAL 1 MONTH = lag(month) OVER (PARTITION BY person_id ORDER BY month) AS goes_on FROM benefits
)
SELECT goes_on, count(*) FROM spells GROUP BY goes_on

SELECT year(participation_start) AS y, month(participation_start) AS m, count(*) AS n FROM wic GROUP BY y, m ORDER BY y, m

SELECT count(*) AS n, count(county) AS with_county, count(*) - count(county) AS without FROM wic

SELECT benefit, count(*) AS n, round(100 * count(*) / sum(count(*)) OVER (), 1) AS percent FROM wic GROUP BY benefit

SELECT district, count(*) AS n, cume_dist() OVER (ORDER BY count(*)) AS cdf, ntile(4) OVER (ORDER BY count(*)) AS quartile FROM enrolment GROUP BY district

SELECT e.district, avg((SELECT count(*) FROM benefits b WHERE b.person_id = e.person_id)) AS mean_months FROM enrolment e GROUP BY e.district

SELECT s.grp, s.n, t.n AS total, s.n / t.n AS share
FROM (SELECT county AS grp, count(*) AS n FROM wic GROUP BY 1) s CROSS JOIN (SELECT count(*) AS n FROM wic) t

SELECT district, count(*) AS n FROM enrolment TABLESAMPLE 50 PERCENT (bernoulli, 3) GROUP BY district

SELECT school_year, avg(n) AS mean_size, stddev(n) AS sd
FROM (SELECT school_year, district, grade, count(*) AS n FROM enrolment GROUP BY ALL) GROUP BY school_year

SELECT max(n) AS largest, min(n) AS smallest FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY district)

SELECT e.school_year, e.grade, b.programme, count(DISTINCT e.person_id) AS children
FROM enrolment e JOIN benefits b ON b.person_id = e.person_id AND year(b.month) = e.school_year
GROUP BY ALL HAVING children >= 15

SELECT e.grade, count(DISTINCT e.person_id) AS n
FROM enrolment e SEMI JOIN wic w ON w.person_id = e.person_id AND w.participation_start < DATE '2021-01-01'
GROUP BY e.grade

SELECT e.grade, count(DISTINCT e.person_id) AS n FROM enrolment e ANTI JOIN benefits USING (person_id) GROUP BY e.grade

-- refused: query.aggregate-only
SELECT w.benefit, b.programme, count(DISTINCT w.person_id) AS n FROM wic w FULL JOIN benefits b USING (person_id) GROUP BY ALL

WITH a AS (SELECT person_id, 'wic' AS service FROM wic UNION ALL SELECT person_id, programme FROM benefits)
SELECT service, count(DISTINCT person_id) AS persons FROM a GROUP BY service

WITH a AS (SELECT person_id, county FROM wic UNION SELECT person_id, county FROM benefits)
SELECT county, count(DISTINCT person_id) AS persons FROM a GROUP BY county

WITH services AS (
  SELECT person_id, count(DISTINCT service) AS n
  FROM (SELECT person_id, 'wic' AS service FROM wic UNION ALL SELECT person_id, programme FROM benefits)
  GROUP BY person_id
)
SELECT n AS services, count(*) AS persons FROM services GROUP BY n

SELECT e.district, e.school_year, count(*) AS n, count(*) FILTER (WHERE EXISTS (SELECT 1 FROM wic w WHERE w.person_id = e.person_id)) AS wic
FROM enrolment e GROUP BY 1, 2

-- refused: query.aggregate-only
SELECT district, school_year, count(*) AS n FROM enrolment GROUP BY GROUPING SETS ((district), (school_year))

SELECT "t1"."district", "t1"."n" FROM (SELECT "t0"."district", COUNT(*) AS "n" FROM "enrolment" AS "t0" WHERE "t0"."school_year" >= CAST(2021 AS SMALLINT) GROUP BY 1) AS "t1" ORDER BY "t1"."n" DESC LIMIT 20

SELECT enrolment.district, count(*) AS count_1 FROM enrolment JOIN wic ON enrolment.person_id = wic.person_id GROUP BY enrolment.district

SELECT "district" AS "district", COUNT(DISTINCT "person_id") AS "pupils" FROM "main"."enrolment" GROUP BY "district" ORDER BY "pupils" DESC LIMIT 1000

SELECT sum(has) / count(*) AS share FROM (SELECT e.person_id, max(CASE WHEN b.person_id IS NULL THEN 0 ELSE 1 END) AS has FROM enrolment e LEFT JOIN benefits b USING (person_id) GROUP BY e.person_id)

SELECT treated, post, avg(months) AS mean_months, count(*) AS n
FROM (
  SELECT b.person_id, (b.person_id IN (SELECT person_id FROM wic)) AS treated, year(b.month) >= 2022 AS post, count(*) AS months
  FROM benefits b GROUP BY ALL
)
GROUP BY treated, post

WITH start AS (SELECT person_id, min(participation_start) AS s FROM wic GROUP BY 1),
k AS (SELECT b.person_id, date_diff('year', s.s, b.month) AS k FROM benefits b JOIN start s USING (person_id))
SELECT k, count(*) AS months, count(DISTINCT person_id) AS persons FROM k WHERE k BETWEEN -2 AND 2 GROUP BY k ORDER BY k

-- refused: query.aggregate-only
SELECT DISTINCT district FROM enrolment

SELECT count(*) FILTER (WHERE grade = 'PK') * 1.0 / nullif(count(*) FILTER (WHERE grade = 'K'), 0) AS pk_per_k, county FROM enrolment GROUP BY county

SELECT strftime(month, '%Y-%m') AS month, count(DISTINCT person_id) AS n FROM benefits GROUP BY 1 ORDER BY 1

-- refused: query.aggregate-only
SELECT min(month), max(month) FROM benefits

-- refused: query.aggregate-only
SELECT mode(grade) AS usual FROM enrolment GROUP BY district

SELECT district, avg(TRY_CAST(grade AS INTEGER)) AS mean_grade, count(*) AS n FROM enrolment GROUP BY district
