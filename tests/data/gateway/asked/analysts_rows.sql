-- What analysts of other places ask, by kind (workforce indicators, cohort definitions, dashboards,
-- models of warehouses), written anew over the world's six views. Parted by empty lines.

-- workforce indicators: beginning, end and full quarter
WITH job AS (SELECT DISTINCT person_id, industry, year * 4 + quarter AS t FROM wages),
flags AS (
  SELECT j.person_id, j.industry, j.t,
         EXISTS (SELECT 1 FROM job p WHERE p.person_id = j.person_id AND p.industry = j.industry AND p.t = j.t - 1) AS had,
         EXISTS (SELECT 1 FROM job n WHERE n.person_id = j.person_id AND n.industry = j.industry AND n.t = j.t + 1) AS has
  FROM job j
)
SELECT industry, t // 4 AS year, t % 4 AS quarter, count(*) AS flow, count_if(had) AS beginning, count_if(has) AS ending,
       count_if(had AND has) AS full_quarter, count_if(NOT had) AS accessions, count_if(NOT has) AS separations
FROM flags GROUP BY ALL ORDER BY ALL

WITH j AS (SELECT DISTINCT person_id, industry, year * 4 + quarter AS t FROM wages WHERE industry IS NOT NULL),
h AS (SELECT *, t - lag(t) OVER (PARTITION BY person_id, industry ORDER BY t) AS gap FROM j)
SELECT industry, count(*) FILTER (WHERE gap IS NULL) AS new_hires, count(*) FILTER (WHERE gap BETWEEN 2 AND 5) AS recalls,
       recalls / nullif(new_hires + recalls, 0) AS recall_share
FROM h GROUP BY industry

-- gaps and islands
WITH q AS (SELECT DISTINCT person_id, year * 4 + quarter AS t FROM wages),
island AS (SELECT person_id, t, t - row_number() OVER (PARTITION BY person_id ORDER BY t) AS run FROM q)
SELECT person_id, min(t) AS first_quarter, max(t) AS last_quarter, count(*) AS length
FROM island GROUP BY person_id, run HAVING count(*) >= 2 ORDER BY person_id, first_quarter

WITH marked AS (
  SELECT person_id, month, CASE WHEN month - lag(month) OVER w > 31 THEN 1 ELSE 0 END AS is_new
  FROM benefits WINDOW w AS (PARTITION BY person_id ORDER BY month)
), spells AS (SELECT *, sum(is_new) OVER (PARTITION BY person_id ORDER BY month ROWS UNBOUNDED PRECEDING) AS spell FROM marked)
SELECT person_id, spell, min(month) AS begun, max(month) AS ended, date_diff('month', min(month), max(month)) + 1 AS months
FROM spells GROUP BY person_id, spell

-- a main job of the year
SELECT DISTINCT ON (person_id, year) person_id, year, industry, sum(wage) AS pay
FROM wages GROUP BY person_id, year, industry ORDER BY person_id, year, pay DESC, industry

SELECT person_id, year, max_by(industry, wage) AS main, max(wage) / sum(wage) AS share_of_year FROM wages GROUP BY 1, 2

SELECT person_id, year, mode(industry ORDER BY industry) AS usual, count(DISTINCT industry) > 1 AS changed FROM wages GROUP BY ALL

-- prices and index numbers
WITH cpi(year, level) AS (VALUES (2019, 255.7), (2020, 258.8), (2021, 271.0), (2022, 292.7), (2023, 304.7), (2024, 313.7))
SELECT w.person_id, w.year, sum(w.wage * (SELECT level FROM cpi WHERE year = 2024) / c.level) AS real_pay
FROM wages w JOIN cpi c USING (year) GROUP BY ALL

WITH y AS (SELECT year, avg(wage) AS m FROM wages GROUP BY year)
SELECT year, 100 * m / first_value(m) OVER (ORDER BY year) AS index_2019, 100 * (m / lag(m) OVER (ORDER BY year) - 1) AS percent FROM y ORDER BY year

-- inequality and concentration
SELECT industry, sum(s * s) * 10000 AS hhi FROM (
  SELECT industry, county, sum(wage) / sum(sum(wage)) OVER (PARTITION BY industry) AS s FROM wages GROUP BY industry, county
) GROUP BY industry

SELECT county, 1 - sum(p * p) AS simpson, -sum(p * ln(p)) AS shannon
FROM (SELECT county, industry, count(*) / sum(count(*)) OVER (PARTITION BY county) AS p FROM wages GROUP BY county, industry) GROUP BY county

WITH r AS (SELECT wage, cume_dist() OVER (ORDER BY wage) AS p, sum(wage) OVER (ORDER BY wage) / sum(wage) OVER () AS l FROM wages WHERE wage > 0)
SELECT ceil(p * 10) / 10 AS decile, max(l) AS lorenz FROM r GROUP BY 1 ORDER BY 1

SELECT county, 0.5 * sum(abs(a - b)) AS dissimilarity FROM (
  SELECT county, district, count(*) FILTER (WHERE sex = 'F') / sum(count(*) FILTER (WHERE sex = 'F')) OVER (PARTITION BY county) AS a,
         count(*) FILTER (WHERE sex = 'M') / sum(count(*) FILTER (WHERE sex = 'M')) OVER (PARTITION BY county) AS b
  FROM enrolment GROUP BY county, district
) GROUP BY county

SELECT year, quantile_cont(wage, 0.9) - quantile_cont(wage, 0.1) AS spread, quantile_cont(wage, 0.9) / nullif(quantile_cont(wage, 0.5), 0) AS upper FROM wages GROUP BY year

-- survival
WITH spell AS (
  SELECT w.person_id, date_diff('month', w.participation_start, min(b.month)) AS t
  FROM wic w LEFT JOIN benefits b ON b.person_id = w.person_id AND b.month > w.participation_start
  GROUP BY w.person_id, w.participation_start
), risk AS (
  SELECT m.t, count(*) FILTER (WHERE s.t >= m.t OR s.t IS NULL) AS n, count(*) FILTER (WHERE s.t = m.t) AS d
  FROM (SELECT DISTINCT t FROM spell WHERE t IS NOT NULL) m CROSS JOIN spell s GROUP BY m.t
)
SELECT t, n, d, exp(sum(ln(1 - d / n)) FILTER (WHERE d < n) OVER (ORDER BY t)) AS survival FROM risk ORDER BY t

-- retention of cohorts
WITH f AS (SELECT person_id, min(school_year) AS cohort FROM enrolment GROUP BY person_id)
SELECT f.cohort, e.school_year - f.cohort AS years_later, count(DISTINCT e.person_id) AS still,
       round(100 * still / first_value(still) OVER (PARTITION BY f.cohort ORDER BY e.school_year - f.cohort), 1) AS percent
FROM f JOIN enrolment e USING (person_id) GROUP BY 1, 2 ORDER BY ALL

-- a funnel
SELECT count(DISTINCT e.person_id) AS enrolled, count(DISTINCT c.person_id) AS credentialed,
       count(DISTINCT w.person_id) FILTER (WHERE c.person_id IS NOT NULL) AS employed
FROM enrolment e LEFT JOIN credentials c USING (person_id) LEFT JOIN wages w ON w.person_id = c.person_id AND w.year >= c.year

-- direct standardisation
WITH rate AS (SELECT county, grade, avg((b.person_id IS NOT NULL)::INT) AS r
              FROM enrolment e LEFT JOIN (SELECT DISTINCT person_id FROM benefits) b USING (person_id) GROUP BY county, grade),
weight(grade, w) AS (VALUES ('PK', 0.1), ('K', 0.2), ('1', 0.3), ('2', 0.2), ('3', 0.2))
SELECT county, sum(r * w) / sum(w) AS standardised FROM rate JOIN weight USING (grade) GROUP BY county

-- two by two tables
WITH t AS (SELECT count_if(x AND y) AS a, count_if(x AND NOT y) AS b, count_if(NOT x AND y) AS c, count_if(NOT x AND NOT y) AS d
           FROM (SELECT EXISTS (FROM wic w WHERE w.person_id = e.person_id) AS x, e.grade = 'K' AS y FROM enrolment e))
SELECT a, b, c, d, (a * d) / nullif(b * c, 0) AS odds_ratio, (a / nullif(a + b, 0)) / nullif(c / nullif(c + d, 0), 0) AS relative_risk FROM t

WITH o AS (SELECT county, sex, count(*) AS n FROM enrolment WHERE sex IS NOT NULL GROUP BY ALL),
e AS (SELECT *, sum(n) OVER (PARTITION BY county) * sum(n) OVER (PARTITION BY sex) / sum(n) OVER () AS expected FROM o)
SELECT sum((n - expected) ** 2 / expected) AS chi_square, (count(DISTINCT county) - 1) * (count(DISTINCT sex) - 1) AS df FROM e

SELECT county, sex, count(*) AS n, count(*) * 100.0 / sum(count(*)) OVER (PARTITION BY county) AS row_percent,
       count(*) * 100.0 / sum(count(*)) OVER (PARTITION BY sex) AS column_percent
FROM enrolment GROUP BY county, sex

-- regression by hand, residuals, z-scores
WITH m AS (SELECT industry, regr_slope(wage, year) AS b, regr_intercept(wage, year) AS a FROM wages GROUP BY industry)
SELECT w.person_id, w.year, w.wage - (m.a + m.b * w.year) AS residual FROM wages w JOIN m USING (industry)

SELECT person_id, year, quarter, (wage - avg(wage) OVER g) / nullif(stddev_samp(wage) OVER g, 0) AS z FROM wages WINDOW g AS (PARTITION BY industry, year)

SELECT regr_count(score, household) AS n, regr_r2(score, household) AS r2, covar_samp(score, household) AS cov,
       regr_avgx(score, household) AS mean_x, regr_sxx(score, household) AS sxx FROM survey

-- quality of the data
SELECT count(*) AS rows, count(wage) AS with_wage, count(*) - count(industry) AS no_industry, count_if(wage <= 0) AS not_positive,
       approx_count_distinct(person_id) AS persons, max(year) AS newest FROM wages

SELECT person_id, year, quarter, industry, count(*) AS copies FROM wages GROUP BY ALL HAVING copies > 1

FROM (SELECT 'county' AS field, county AS value, count(*) AS n FROM wages GROUP BY ALL
      UNION ALL BY NAME SELECT 'industry' AS field, industry AS value, count(*) AS n FROM wages GROUP BY ALL)
SELECT field, value, n, n / sum(n) OVER (PARTITION BY field) AS share ORDER BY field, n DESC

SELECT w.person_id, w.county AS paid_in, c.county AS studied_in FROM wages w JOIN credentials c ON c.person_id = w.person_id AND c.year = w.year
WHERE w.county IS DISTINCT FROM c.county

SELECT y.year, q.quarter, count(w.person_id) AS n FROM range(2019, 2025) y(year) CROSS JOIN (VALUES (1), (2), (3), (4)) q(quarter)
LEFT JOIN wages w ON w.year = y.year AND w.quarter = q.quarter GROUP BY ALL HAVING n = 0

-- carrying forward, smoothing, ranking
SELECT person_id, asked, last_value(score IGNORE NULLS) OVER (PARTITION BY person_id ORDER BY asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS carried FROM survey

SELECT asked, avg(score) OVER (ORDER BY asked RANGE BETWEEN INTERVAL 90 DAYS PRECEDING AND CURRENT ROW) AS moving FROM survey ORDER BY asked

SELECT county, industry, n, dense_rank() OVER (PARTITION BY county ORDER BY n DESC) AS place
FROM (SELECT county, industry, count(*) AS n FROM wages GROUP BY ALL) QUALIFY place <= 3

SELECT person_id, ntile(5) OVER (PARTITION BY year ORDER BY sum(wage)) AS quintile, year FROM wages GROUP BY person_id, year

-- mobility between quintiles
WITH a AS (SELECT person_id, year, ntile(5) OVER (PARTITION BY year ORDER BY pay) AS q FROM (SELECT person_id, year, sum(wage) AS pay FROM wages GROUP BY ALL))
SELECT x.q AS origin, y.q AS destination, count(*) AS n FROM a x JOIN a y ON x.person_id = y.person_id AND y.year = x.year + 1 GROUP BY ALL ORDER BY ALL

-- matching
WITH treated AS (SELECT person_id, min(year) AS year FROM credentials WHERE credential = 'associate' GROUP BY person_id),
base AS (SELECT w.person_id, w.year, sum(w.wage) AS pay, any_value(w.county) AS county FROM wages w GROUP BY w.person_id, w.year)
SELECT t.person_id, m.person_id AS control, abs(m.pay - b.pay) AS distance
FROM treated t JOIN base b ON b.person_id = t.person_id AND b.year = t.year - 1
JOIN base m ON m.county = b.county AND m.year = b.year AND m.person_id NOT IN (SELECT person_id FROM treated)
QUALIFY row_number() OVER (PARTITION BY t.person_id ORDER BY abs(m.pay - b.pay)) = 1

-- the nearest before
SELECT w.person_id, w.year, w.wage, c.credential FROM wages w ASOF LEFT JOIN credentials c ON w.person_id = c.person_id AND w.year >= c.year

SELECT c.person_id, c.credential, l.year, l.wage FROM credentials c,
LATERAL (SELECT w.year, w.wage FROM wages w WHERE w.person_id = c.person_id AND w.year > c.year ORDER BY w.year, w.quarter LIMIT 2) l

-- cohort definitions
WITH entry AS (SELECT person_id, participation_start AS index_date FROM wic QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY participation_start) = 1),
observed AS (SELECT person_id, min(month) AS lo, max(month) AS hi FROM benefits GROUP BY person_id)
SELECT e.person_id, e.index_date FROM entry e JOIN observed o USING (person_id)
WHERE e.index_date BETWEEN o.lo AND o.hi AND e.index_date + INTERVAL 30 DAYS <= o.hi
  AND NOT EXISTS (SELECT 1 FROM benefits b WHERE b.person_id = e.person_id AND b.programme = 'tanf' AND b.month < e.index_date)

SELECT programme, extract(year FROM month) AS y, count(DISTINCT person_id) AS persons, count(*) AS records,
       count(*)::DOUBLE / count(DISTINCT person_id) AS records_a_person FROM benefits GROUP BY programme, y ORDER BY programme, y

WITH d AS (SELECT person_id, date_diff('day', min(month), max(month)) AS days FROM benefits GROUP BY person_id)
SELECT min(days), max(days), avg(days), stddev(days), quantile_disc(days, [0.1, 0.25, 0.5, 0.75, 0.9]) AS percentiles FROM d

SELECT list_sort(list(DISTINCT programme)) AS programmes, count(*) AS persons
FROM (SELECT person_id, programme FROM benefits) GROUP BY person_id HAVING len(programmes) > 1

WITH p AS (SELECT person_id, list_sort(list(DISTINCT programme)) AS path FROM benefits GROUP BY person_id)
SELECT array_to_string(path, ' > ') AS path, count(*) AS n FROM p GROUP BY path ORDER BY n DESC

-- as warehouses model it
with source as (select * from wages), renamed as (select person_id, year as wage_year, quarter as wage_quarter, wage as amount from source),
final as (select person_id, min(wage_year) as first_year, max(wage_year) as latest_year, count(*) as number_of_quarters, sum(amount) as lifetime_value from renamed group by 1)
select * from final left join (select distinct person_id, true as has_credential from credentials) using (person_id)

SELECT md5(concat_ws('|', year, quarter, industry)) AS surrogate_key, year, quarter, industry, sum(wage) AS amount FROM wages GROUP BY year, quarter, industry

SELECT person_id, sum(CASE WHEN quarter = 1 THEN wage ELSE 0 END) AS q1_amount, sum(CASE WHEN quarter = 2 THEN wage ELSE 0 END) AS q2_amount, sum(wage) AS total_amount FROM wages GROUP BY 1

WITH Wage_Records AS (SELECT * FROM wages), LATEST AS (SELECT max(year) AS Latest_Year FROM wage_records)
SELECT W.* FROM WAGE_RECORDS W JOIN latest L ON W.year = L.LATEST_YEAR

SELECT * REPLACE (round(wage, -2) AS wage) FROM wages WHERE year BETWEEN 2020 AND 2022 AND county NOT IN ('Tolland', 'Windham') ORDER BY ALL LIMIT 50

SELECT person_id, year, wage, CASE WHEN wage IS NULL THEN 'missing' WHEN wage = 0 THEN 'zero' ELSE 'ok' END AS quality, coalesce(wage, 0) AS filled FROM wages

-- text and types
SELECT regexp_extract(institution, '^(\w+)') AS first_word, count(*) AS n FROM credentials GROUP BY 1 ORDER BY n DESC

SELECT upper(trim(county)) AS county, string_agg(DISTINCT credential, ', ' ORDER BY credential) AS kinds FROM credentials GROUP BY 1

SELECT CASE WHEN industry LIKE '6%' THEN 'services' WHEN industry IN ('11', '23') THEN 'goods' ELSE 'other' END AS sector, avg(wage)::DECIMAL(10, 2) AS mean FROM wages GROUP BY sector

SELECT TRY_CAST(grade AS INTEGER) AS numeric_grade, count(*) FROM enrolment GROUP BY 1 ORDER BY 1 NULLS FIRST

SELECT strftime(participation_start, '%Y-%m') AS month, dayname(participation_start) AS weekday, count(*) FROM wic GROUP BY ALL

SELECT county, histogram(wage, [0, 1000, 5000, 10000]) AS bins FROM wages GROUP BY county

SELECT floor(wage / 1000) * 1000 AS bin, count(*) AS n, bar(count(*), 0, 40, 20) AS drawn FROM wages GROUP BY bin ORDER BY bin

SELECT unnest(summary) FROM (SELECT {'n': count(*), 'mean': avg(wage), 'sd': stddev(wage)} AS summary FROM wages)

-- samples and simulation
SELECT b.i, avg(w.wage) AS mean FROM range(20) b(i) CROSS JOIN wages w WHERE hash(w.year * 31 + w.quarter + b.i * 17) % 2 = 0 GROUP BY b.i

SELECT stratum, avg(score) FROM (SELECT employed AS stratum, score FROM survey TABLESAMPLE 80 PERCENT (bernoulli, 3)) GROUP BY stratum

-- weights
SELECT answer, sum(household) AS weighted, sum(household) / sum(sum(household)) OVER () AS share, sum(score * household) / sum(household) AS weighted_mean FROM survey GROUP BY answer

-- school and programme together
SELECT e.school_year, e.district, count(DISTINCT e.person_id) AS pupils, count(DISTINCT w.person_id) AS ever_wic,
       count(DISTINCT b.person_id) AS ever_snap FROM enrolment e LEFT JOIN wic w USING (person_id)
LEFT JOIN benefits b ON b.person_id = e.person_id AND b.programme = 'snap' AND year(b.month) = e.school_year GROUP BY GROUPING SETS ((1, 2), (1), ())

SELECT a.person_id, a.school_year, a.grade AS before, b.grade AS after, a.district <> b.district AS moved
FROM enrolment a JOIN enrolment b ON b.person_id = a.person_id AND b.school_year = a.school_year + 1

WITH RECURSIVE calendar(d) AS (SELECT DATE '2020-01-01' UNION ALL SELECT (d + INTERVAL 1 MONTH)::DATE FROM calendar WHERE d < DATE '2020-12-01')
SELECT c.d, count(w.person_id) AS active FROM calendar c LEFT JOIN wic w ON w.participation_start <= c.d GROUP BY c.d ORDER BY c.d

UNPIVOT (SELECT county, avg(wage) AS mean, median(wage) AS middle FROM wages GROUP BY county) ON mean, middle INTO NAME statistic VALUE amount

PIVOT (SELECT credential, county, person_id FROM credentials) ON county IN ('Hartford', 'Tolland') USING count(DISTINCT person_id) GROUP BY credential
