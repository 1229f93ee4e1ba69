-- A labour economist, an education researcher and a public-health analyst in an agreement of rows
-- over the world's six views (tests/fuzz/world.py). Questions are parted by empty lines.

WITH quarterly AS (
  SELECT person_id, year * 4 + quarter AS t, sum(wage) AS pay, count(DISTINCT industry) AS jobs
  FROM wages
  GROUP BY ALL
)
SELECT person_id, t, pay, pay - lag(pay) OVER w AS change, lead(pay, 4) OVER w AS next_year
FROM quarterly
WINDOW w AS (PARTITION BY person_id ORDER BY t)
ORDER BY person_id, t

SELECT person_id, year, quarter, wage,
       sum(wage) OVER (PARTITION BY person_id ORDER BY year, quarter
                       ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS last_four_quarters
FROM wages

SELECT year, quarter, count(*) AS records, count(DISTINCT person_id) AS workers,
       avg(wage) FILTER (WHERE industry = '62') AS health_mean,
       avg(wage) FILTER (WHERE industry <> '62') AS other_mean,
       median(wage) AS median_wage, quantile_cont(wage, [0.1, 0.5, 0.9]) AS deciles
FROM wages
GROUP BY year, quarter
HAVING count(*) > 1
ORDER BY year, quarter

SELECT CASE WHEN wage < 2500 THEN '0-2.5k' WHEN wage < 5000 THEN '2.5-5k'
            WHEN wage < 10000 THEN '5-10k' ELSE '10k+' END AS band,
       count(*) AS n, round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent
FROM wages
WHERE wage IS NOT NULL
GROUP BY band
ORDER BY min(wage)

WITH first_credential AS (
  SELECT person_id, min(year) AS award_year, arg_min(credential, year) AS credential
  FROM credentials
  WHERE year IS NOT NULL
  GROUP BY person_id
), event_time AS (
  SELECT w.person_id, w.year - f.award_year AS k, sum(w.wage) AS annual
  FROM wages w JOIN first_credential f USING (person_id)
  GROUP BY 1, 2
)
SELECT k, count(*) AS persons, avg(annual) AS mean_pay, stddev_samp(annual) / sqrt(count(*)) AS se
FROM event_time
WHERE k BETWEEN -3 AND 3
GROUP BY k
ORDER BY k

WITH panel AS (
  SELECT w.person_id, w.year, sum(w.wage) AS pay,
         bool_or(c.person_id IS NOT NULL) AS treated, w.year >= 2022 AS post
  FROM wages w LEFT JOIN (SELECT DISTINCT person_id FROM credentials WHERE credential = 'associate') c
    ON c.person_id = w.person_id
  GROUP BY w.person_id, w.year
)
SELECT avg(pay) FILTER (WHERE treated AND post) - avg(pay) FILTER (WHERE treated AND NOT post)
       - (avg(pay) FILTER (WHERE NOT treated AND post) - avg(pay) FILTER (WHERE NOT treated AND NOT post))
       AS did
FROM panel

WITH moves AS (
  SELECT person_id, industry AS origin,
         lead(industry) OVER (PARTITION BY person_id ORDER BY year, quarter) AS destination
  FROM wages
)
SELECT origin, destination, count(*) AS n,
       count(*) / sum(count(*)) OVER (PARTITION BY origin) AS probability
FROM moves
WHERE destination IS NOT NULL AND origin IS NOT NULL
GROUP BY origin, destination
ORDER BY origin, destination

WITH ranked AS (
  SELECT wage, row_number() OVER (ORDER BY wage) AS i, count(*) OVER () AS n, sum(wage) OVER () AS total
  FROM wages WHERE wage > 0
)
SELECT 2 * sum(i * wage) / (max(n) * max(total)) - (max(n) + 1.0) / max(n) AS gini FROM ranked

SELECT year, avg(wage / m * ln(wage / m)) AS theil
FROM (SELECT year, wage::DOUBLE AS wage, avg(wage) OVER (PARTITION BY year) AS m FROM wages WHERE wage > 0)
GROUP BY year

SELECT industry, year, sum(wage) AS payroll
FROM wages
GROUP BY ROLLUP (industry, year)
ORDER BY ALL

SELECT county, industry, count(*) AS n, grouping(county) AS all_counties
FROM wages
GROUP BY GROUPING SETS ((county, industry), (county), ())

SELECT county, quarter, avg(wage) FROM wages GROUP BY CUBE (county, quarter)

PIVOT (SELECT person_id, year, wage FROM wages) ON year IN (2021, 2022, 2023) USING sum(wage) GROUP BY person_id

FROM wages PIVOT (avg(wage) AS mean, count(*) AS n FOR quarter IN (1, 2, 3, 4) GROUP BY industry)

SELECT e.district, e.grade, count(*) AS pupils,
       count(DISTINCT e.person_id) FILTER (WHERE b.person_id IS NOT NULL) AS on_snap,
       count(DISTINCT b.person_id)::DOUBLE / nullif(count(DISTINCT e.person_id), 0) AS snap_rate
FROM enrolment e
LEFT JOIN benefits b ON b.person_id = e.person_id AND b.programme = 'snap'
GROUP BY e.district, e.grade
ORDER BY e.district, e.grade

SELECT c.credential, c.field_of_study, count(DISTINCT c.person_id) AS graduates,
       count(DISTINCT w.person_id) AS employed,
       1 - count(DISTINCT w.person_id) / count(DISTINCT c.person_id) AS not_found
FROM credentials c
LEFT JOIN wages w ON w.person_id = c.person_id AND w.year = c.year + 1
GROUP BY ALL

SELECT c.* FROM credentials c
WHERE NOT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = c.person_id AND w.year > c.year)

SELECT person_id, school_year FROM enrolment
ANTI JOIN wic USING (person_id)

SELECT e.person_id, e.grade, w.benefit, b.programme
FROM enrolment e
JOIN wic w USING (person_id)
JOIN benefits b USING (person_id)
WHERE e.grade IN ('PK', 'K') AND b.month >= DATE '2020-01-01'

SELECT 'wic' AS source, county, count(DISTINCT person_id) AS persons FROM wic GROUP BY county
UNION ALL
SELECT 'benefits', county, count(DISTINCT person_id) FROM benefits GROUP BY county
UNION ALL
SELECT 'enrolment', county, count(DISTINCT person_id) FROM enrolment GROUP BY county
ORDER BY source, county

SELECT person_id, year, quarter, wage
FROM wages
QUALIFY row_number() OVER (PARTITION BY person_id, year ORDER BY wage DESC NULLS LAST) = 1

SELECT * FROM wages QUALIFY wage > 2 * median(wage) OVER (PARTITION BY industry, year)

SELECT date_trunc('month', participation_start) AS month, benefit, count(*) AS starts
FROM wic
GROUP BY ALL
ORDER BY month

SELECT w.person_id, date_diff('month', w.participation_start, min(b.month)) AS months_to_benefit
FROM wic w JOIN benefits b ON b.person_id = w.person_id AND b.month >= w.participation_start
GROUP BY w.person_id, w.participation_start

WITH months AS (
  SELECT unnest(generate_series(DATE '2019-01-01', DATE '2024-12-01', INTERVAL 1 MONTH))::DATE AS month
)
SELECT m.month, count(DISTINCT b.person_id) AS recipients
FROM months m LEFT JOIN benefits b ON date_trunc('month', b.month) = m.month
GROUP BY m.month
ORDER BY m.month

WITH RECURSIVE quarters(y, q) AS (
  SELECT 2019, 1
  UNION ALL
  SELECT CASE WHEN q = 4 THEN y + 1 ELSE y END, CASE WHEN q = 4 THEN 1 ELSE q + 1 END
  FROM quarters WHERE y < 2024
)
SELECT y, q, coalesce(sum(wage), 0) AS payroll
FROM quarters LEFT JOIN wages ON wages.year = y AND wages.quarter = q
GROUP BY y, q
ORDER BY y, q

SELECT regr_slope(wage, year) AS trend, regr_intercept(wage, year) AS start, regr_r2(wage, year) AS r2,
       corr(wage, year) AS r, regr_count(wage, year) AS n
FROM wages

SELECT industry, var_pop(wage), stddev_pop(wage), skewness(wage), kurtosis(wage), mad(wage), entropy(county)
FROM wages GROUP BY industry

SELECT lower(trim(regexp_replace(institution, '\s+', ' ', 'g'))) AS institution_clean, count(*) AS n
FROM credentials
GROUP BY institution_clean
ORDER BY n DESC

SELECT strip_accents(institution) AS plain, upper(left(field_of_study, 3)) AS code,
       count(*) FILTER (WHERE field_of_study ILIKE '%health%') AS health
FROM credentials GROUP BY ALL

SELECT person_id, list(credential ORDER BY year) AS path, len(list(DISTINCT field_of_study)) AS fields
FROM credentials GROUP BY person_id

SELECT person_id, list_transform(list(wage ORDER BY year, quarter), lambda w: round(w / 1000, 1)) AS in_thousands
FROM wages WHERE wage IS NOT NULL GROUP BY person_id

SELECT person_id, list({'year': year, 'credential': credential} ORDER BY year) AS history
FROM credentials GROUP BY person_id

SELECT person_id, list_filter(list(wage), lambda w: w > 1000) AS large, list_sum(list(wage)) AS total
FROM wages GROUP BY person_id

SELECT person_id, map_from_entries(list((year, credential))) AS by_year
FROM (SELECT DISTINCT ON (person_id, year) person_id, year, credential FROM credentials WHERE year IS NOT NULL ORDER BY credential)
GROUP BY person_id

SELECT * FROM wages USING SAMPLE 10 PERCENT (bernoulli, 42)

SELECT county, avg(wage) FROM wages TABLESAMPLE reservoir(20 ROWS) REPEATABLE (7) GROUP BY county

SELECT wage, cume_dist() OVER (ORDER BY wage) AS cdf, percent_rank() OVER (ORDER BY wage) AS pr,
       ntile(10) OVER (ORDER BY wage) AS decile
FROM wages WHERE year = 2022

SELECT decile, min(wage) AS low, max(wage) AS high, sum(wage) / sum(sum(wage)) OVER () AS share
FROM (SELECT wage, ntile(10) OVER (ORDER BY wage) AS decile FROM wages WHERE wage > 0)
GROUP BY decile ORDER BY decile

SELECT year, max(wage) FILTER (WHERE p >= 0.9) / min(wage) FILTER (WHERE p >= 0.1 AND wage > 0) AS ratio
FROM (SELECT year, wage, percent_rank() OVER (PARTITION BY year ORDER BY wage) AS p FROM wages)
GROUP BY year

SELECT w.industry, count(DISTINCT (w.year, w.quarter)) AS quarters, count(DISTINCT w.person_id) AS persons
FROM wages w
WHERE EXISTS (FROM credentials c WHERE c.person_id = w.person_id AND c.credential IN ('bachelor', 'master'))
GROUP BY 1

WITH spells AS (
  SELECT person_id, year * 4 + quarter AS t,
         year * 4 + quarter - row_number() OVER (PARTITION BY person_id ORDER BY year, quarter) AS island
  FROM (SELECT DISTINCT person_id, year, quarter FROM wages WHERE wage > 0)
)
SELECT person_id, min(t) AS first_quarter, max(t) AS last_quarter, count(*) AS length
FROM spells GROUP BY person_id, island ORDER BY person_id, first_quarter

WITH cohort AS (
  SELECT person_id, min(school_year) AS entry FROM enrolment WHERE grade = 'K' GROUP BY person_id
)
SELECT c.entry, e.school_year - c.entry AS years_in, count(DISTINCT e.person_id) AS still_here,
       count(DISTINCT e.person_id) / first_value(count(DISTINCT e.person_id)) OVER (PARTITION BY c.entry ORDER BY e.school_year - c.entry) AS retention
FROM cohort c JOIN enrolment e USING (person_id)
WHERE e.school_year >= c.entry
GROUP BY c.entry, years_in
ORDER BY 1, 2

SELECT a.person_id, a.grade AS from_grade, b.grade AS to_grade
FROM enrolment a JOIN enrolment b ON a.person_id = b.person_id AND b.school_year = a.school_year + 1
WHERE a.grade = b.grade

SELECT e.person_id, e.district, w.benefit
FROM enrolment e ASOF LEFT JOIN wic w
  ON e.person_id = w.person_id AND make_date(e.school_year, 9, 1) >= w.participation_start

SELECT e.school_year, e.district,
       (SELECT count(*) FROM benefits b WHERE b.person_id = e.person_id) AS benefit_months
FROM enrolment e

SELECT person_id, coalesce(w.county, b.county, e.county) AS county,
       w.person_id IS NOT NULL AS in_wic, b.person_id IS NOT NULL AS in_benefits
FROM enrolment e
FULL JOIN wic w USING (person_id)
FULL JOIN benefits b USING (person_id)

SELECT county, max_by(institution, n) AS largest, max(n) AS size
FROM (SELECT county, institution, count(*) AS n FROM credentials GROUP BY ALL)
GROUP BY county

SELECT institution, mode(field_of_study) AS usual_field, approx_count_distinct(person_id) AS about
FROM credentials GROUP BY institution

SELECT histogram(credential) FROM credentials

SELECT equi_width_bins(min(wage), max(wage), 8, true) AS bins FROM wages

SELECT width.lo, width.lo + 1000 AS hi, count(w.wage) AS n
FROM range(0, 26000, 1000) width(lo) LEFT JOIN wages w ON w.wage >= width.lo AND w.wage < width.lo + 1000
GROUP BY width.lo ORDER BY width.lo

SELECT floor(wage / 5000) * 5000 AS bin, count(*) AS n, bar(count(*), 0, 40, 20) AS plot
FROM wages GROUP BY bin ORDER BY bin

SELECT s.employed, avg(s.score) AS mean_score, avg(w.pay) AS mean_pay, corr(s.score, w.pay) AS r
FROM survey s JOIN (SELECT person_id, sum(wage) AS pay FROM wages GROUP BY person_id) w USING (person_id)
GROUP BY s.employed

SELECT household, count(*) AS n, avg(CASE WHEN answer = 'yes' THEN 1.0 ELSE 0 END) AS yes_share
FROM survey WHERE answer <> '' GROUP BY household HAVING n >= 2

SELECT asked, dayname(asked) AS weekday, week(asked) AS week, strftime(asked, '%Y-%m') AS month, score
FROM survey WHERE asked BETWEEN '2020-01-01' AND '2022-12-31'

SELECT person_id, score, score - avg(score) OVER (PARTITION BY household) AS demeaned,
       (score - avg(score) OVER ()) / nullif(stddev(score) OVER (), 0) AS z
FROM survey

SELECT approx_quantile(score, 0.5), quantile_disc(score, 0.25), quantile_cont(score, 0.75) - quantile_cont(score, 0.25) AS iqr
FROM survey

UNPIVOT (SELECT year, avg(wage) AS mean, median(wage) AS middle FROM wages GROUP BY year)
ON mean, middle INTO NAME statistic VALUE amount

SELECT w.* EXCLUDE (county), c.credential FROM wages w JOIN credentials c USING (person_id)

SELECT * REPLACE (round(wage, -2) AS wage) FROM wages WHERE year = 2023

SELECT * RENAME (wage AS quarterly_pay) FROM wages LIMIT 100

FROM wages SELECT industry, sum(wage) GROUP BY industry ORDER BY 2 DESC LIMIT 5

FROM credentials

TABLE credentials

SELECT year, sum(wage) AS payroll, payroll / lag(payroll) OVER (ORDER BY year) - 1 AS growth
FROM wages GROUP BY year ORDER BY year

SELECT year, quarter, avg(avg(wage)) OVER (ORDER BY year, quarter ROWS 3 PRECEDING) AS moving
FROM wages GROUP BY year, quarter

SELECT person_id, first(industry ORDER BY year, quarter) AS first_industry,
       last(industry ORDER BY year, quarter) AS last_industry
FROM wages GROUP BY person_id HAVING count(*) > 1

SELECT person_id, bool_or(programme = 'tanf') AS ever_tanf, count(DISTINCT month) AS months,
       min(month) AS first_month, max(month) AS last_month
FROM benefits GROUP BY person_id

WITH a AS (SELECT person_id FROM wic), b AS (SELECT person_id FROM enrolment)
SELECT (SELECT count(*) FROM (FROM a INTERSECT FROM b)) AS both_views,
       (SELECT count(*) FROM (FROM a EXCEPT FROM b)) AS wic_only,
       (SELECT count(*) FROM (FROM b EXCEPT FROM a)) AS school_only

SELECT person_id FROM wic INTERSECT SELECT person_id FROM enrolment

SELECT count(*) AS rows, count(wage) AS known, count(*) - count(wage) AS missing,
       count(*) FILTER (WHERE industry IS NULL) AS no_industry,
       round(avg((county IS NULL)::INT) * 100, 2) AS percent_without_county
FROM wages

SELECT person_id, count(*) AS n FROM credentials GROUP BY person_id HAVING count(*) > 1 ORDER BY n DESC

SELECT n, count(*) AS persons FROM (SELECT person_id, count(*) AS n FROM wages GROUP BY person_id) GROUP BY n ORDER BY n

SUMMARIZE wages

SUMMARIZE SELECT wage, year FROM wages WHERE industry = '62'

DESCRIBE credentials

SHOW TABLES

SELECT w.year, w.quarter, e.grade, s.household, avg(w.wage)
FROM wages w JOIN enrolment e USING (person_id) JOIN survey s USING (person_id)
GROUP BY ALL HAVING count(*) >= 1

SELECT DISTINCT county FROM wages UNION SELECT DISTINCT county FROM enrolment ORDER BY county

SELECT DISTINCT ON (person_id) person_id, credential, year FROM credentials ORDER BY person_id, year DESC

WITH base AS MATERIALIZED (SELECT person_id, avg(wage) AS base FROM wages WHERE year = 2019 GROUP BY 1)
SELECT w.year, avg(w.wage / nullif(b.base, 0)) AS relative
FROM wages w JOIN base b USING (person_id) GROUP BY w.year

WITH pay AS (SELECT person_id, year, sum(wage) AS pay FROM wages GROUP BY 1, 2),
ranks AS (SELECT *, ntile(4) OVER (PARTITION BY year ORDER BY pay) AS q FROM pay)
SELECT a.q AS from_quartile, b.q AS to_quartile, count(*) AS n
FROM ranks a JOIN ranks b ON a.person_id = b.person_id AND b.year = a.year + 1
GROUP BY 1, 2 ORDER BY 1, 2

SELECT industry, list_sort(list(DISTINCT county)) AS counties, string_agg(DISTINCT county, '; ' ORDER BY county) AS text
FROM wages GROUP BY industry

SELECT c.county, c.n AS graduates, w.n AS workers, c.n / w.n AS ratio
FROM (SELECT county, count(DISTINCT person_id) AS n FROM credentials GROUP BY 1) c
FULL OUTER JOIN (SELECT county, count(DISTINCT person_id) AS n FROM wages GROUP BY 1) w USING (county)

SELECT x.county, x.year, x.n, t.top_industry
FROM (SELECT county, year, count(*) AS n FROM wages GROUP BY 1, 2) x
CROSS JOIN LATERAL (SELECT arg_max(industry, wage) AS top_industry FROM wages w WHERE w.county = x.county AND w.year = x.year) t

SELECT sum(wage) AS total, sum(wage) FILTER (industry = '23') AS construction,
       sum(CASE WHEN industry IN ('61', '62') THEN wage END) AS education_and_health
FROM wages

SELECT person_id, wage,
       avg(wage) OVER (PARTITION BY industry) AS sector,
       wage > avg(wage) OVER (PARTITION BY industry, year) AS above
FROM wages

SELECT try_cast(industry AS INTEGER) AS naics, count(*) FROM wages GROUP BY 1

SELECT format('{}-Q{}', year, quarter) AS period, printf('%.1f', avg(wage)) AS mean FROM wages GROUP BY year, quarter

SELECT year::VARCHAR || 'Q' || quarter AS period, sum(wage) FROM wages GROUP BY ALL

SELECT make_date(year, 3 * quarter - 2, 1) AS start, last_day(make_date(year, 3 * quarter, 1)) AS stop, wage
FROM wages WHERE year IS NOT NULL AND quarter IS NOT NULL

SELECT (year // 2) * 2 AS period, greatest(min(wage), 0) AS low, least(max(wage), 99999) AS high FROM wages GROUP BY period

SELECT w.person_id, w.year, c.year AS award
FROM wages w JOIN credentials c ON w.person_id = c.person_id AND w.year BETWEEN c.year AND c.year + 2

SELECT e.person_id FROM enrolment e SEMI JOIN benefits b ON e.person_id = b.person_id AND b.programme = 'tanf'

SELECT person_id, wage FROM wages WHERE (person_id, year) IN (SELECT person_id, max(year) FROM credentials GROUP BY person_id)

SELECT person_id, wage FROM wages w
WHERE wage = (SELECT max(wage) FROM wages x WHERE x.person_id = w.person_id)

SELECT county, count(*) FROM wic WHERE participation_start >= DATE '2021-07-01' - INTERVAL 6 MONTHS GROUP BY county

SELECT person_id, participation_start, participation_start + INTERVAL 1 YEAR AS due,
       extract('year' FROM participation_start) AS y, date_part('month', participation_start) AS m, epoch(participation_start) AS s
FROM wic

WITH d AS (SELECT person_id, max(month) AS last, min(month) AS first FROM benefits GROUP BY person_id)
SELECT avg(date_diff('day', first, last)), median(age(last, first)) FROM d

SELECT sum(n) OVER (ORDER BY m) AS running, m FROM (SELECT date_trunc('year', month) AS m, count(*) AS n FROM benefits GROUP BY 1)

WITH risk AS (
  SELECT w.person_id, date_diff('month', w.participation_start, b.m) AS t, b.m IS NOT NULL AS event
  FROM wic w LEFT JOIN (SELECT person_id, min(month) AS m FROM benefits GROUP BY 1) b USING (person_id)
), steps AS (
  SELECT t, count(*) FILTER (WHERE event) AS d, sum(count(*)) OVER (ORDER BY t DESC NULLS FIRST) AS at_risk
  FROM risk GROUP BY t
)
SELECT t, product(1 - d / at_risk) OVER (ORDER BY t) AS survival FROM steps WHERE t IS NOT NULL ORDER BY t

SELECT b.county, count(DISTINCT b.person_id) AS cases, p.pop,
       1000.0 * count(DISTINCT b.person_id) / p.pop AS rate_per_thousand
FROM benefits b JOIN (VALUES ('Hartford', 899498), ('Windham', 116418), ('Tolland', 149788)) p(county, pop)
  ON b.county = p.county
GROUP BY b.county, p.pop

SELECT v.code, v.label, count(w.person_id) AS n
FROM (VALUES ('11', 'Agriculture'), ('23', 'Construction'), ('62', 'Health')) AS v(code, label)
LEFT JOIN wages w ON w.industry = v.code
GROUP BY v.code, v.label

SELECT w.grp, sum(w.weight * s.rate) AS standardised
FROM (SELECT county AS grp, grade, count(*) AS weight FROM enrolment GROUP BY ALL) w
JOIN (SELECT grade, avg((sex = 'F')::INT) AS rate FROM enrolment GROUP BY grade) s USING (grade)
GROUP BY w.grp

SELECT sex, grade, count(*) FROM enrolment GROUP BY sex, grade

SELECT person_id, CASE sex WHEN 'F' THEN 1 WHEN 'M' THEN 0 END AS female, (sex = 'X') AS other FROM enrolment

SELECT count(*) FILTER (WHERE sex = 'F') / count(*) AS female_share, district FROM enrolment GROUP BY district

SELECT e.*, w.* EXCLUDE (person_id, county) FROM enrolment e LEFT JOIN wic w ON e.person_id = w.person_id WHERE w.person_id IS NULL

SELECT wage[1:2] FROM (SELECT list(wage) AS wage FROM wages GROUP BY person_id)

SELECT [x * 2 FOR x IN list(wage) IF x > 0] AS doubled FROM wages GROUP BY person_id

SELECT unnest(path) AS step, generate_subscripts(path, 1) AS at FROM (SELECT list(credential ORDER BY year) AS path FROM credentials GROUP BY person_id)

SELECT year, list_aggregate(list(wage), 'median') AS m FROM wages GROUP BY year

SELECT year, any_value(county), arbitrary(industry), count(*) FROM wages GROUP BY year

SELECT s.mean / 1000 AS k, s.n FROM (SELECT struct_pack(n := count(*), mean := avg(wage)) AS s FROM wages GROUP BY year)

SELECT to_json({'year': year, 'n': count(*)}) FROM wages GROUP BY year

SELECT person_id, sum(wage) AS pay, CASE WHEN pay > 20000 THEN 'high' ELSE 'low' END AS class FROM wages GROUP BY person_id

SELECT regexp_extract(institution, '^(\w+)', 1) AS first_word, split_part(institution, ' ', 2) AS second FROM credentials

SELECT jaro_winkler_similarity(a.institution, b.institution) AS near, a.institution, b.institution
FROM (SELECT DISTINCT institution FROM credentials) a, (SELECT DISTINCT institution FROM credentials) b
WHERE a.institution < b.institution

SELECT corr(a.pay, b.pay) AS autocorrelation
FROM (SELECT person_id, year, sum(wage)::DOUBLE AS pay FROM wages GROUP BY ALL) a
JOIN (SELECT person_id, year + 1 AS year, sum(wage)::DOUBLE AS pay FROM wages GROUP BY ALL) b USING (person_id, year)

SELECT exp(avg(ln(wage))) AS geometric, 1 / avg(1 / wage) AS harmonic, geomean(wage) FROM wages WHERE wage > 0

SELECT avg(wage) - 1.96 * stddev(wage) / sqrt(count(*)) AS low, avg(wage) + 1.96 * sem(wage) AS high FROM wages

SELECT industry, county, avg(wage) AS m, rank() OVER (PARTITION BY county ORDER BY avg(wage) DESC) AS place FROM wages GROUP BY industry, county QUALIFY place <= 3

SELECT nth_value(wage, 2) OVER (PARTITION BY person_id ORDER BY year, quarter) AS second,
       last_value(wage IGNORE NULLS) OVER (PARTITION BY person_id ORDER BY year, quarter) AS latest
FROM wages

SELECT year, quarter, sum(wage) OVER (ORDER BY year * 4 + quarter RANGE BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM wages WHERE year IS NOT NULL

SELECT month, count(*) OVER (ORDER BY month RANGE BETWEEN INTERVAL 3 MONTHS PRECEDING AND CURRENT ROW) FROM benefits

SELECT w.year, count(*) FROM wages w WHERE w.person_id IN (SELECT person_id FROM wic WHERE benefit = 'mother' UNION SELECT person_id FROM benefits WHERE programme = 'tanf') GROUP BY w.year

SELECT count(*) FROM (SELECT person_id FROM wages GROUP BY person_id HAVING count(DISTINCT year) = (SELECT count(DISTINCT year) FROM wages WHERE year IS NOT NULL))

SELECT school_year, district, pupils, pupils - lag(pupils) OVER (PARTITION BY district ORDER BY school_year) AS change FROM (SELECT school_year, district, count(DISTINCT person_id) AS pupils FROM enrolment GROUP BY 1, 2)

SELECT * FROM wages WHERE year = 2021 AND quarter IN (1, 2) AND county NOT IN ('Windham') AND wage NOT BETWEEN 0 AND 100 ORDER BY wage DESC LIMIT 20 OFFSET 5

SELECT person_id, year, wage, wage IS DISTINCT FROM lag(wage) OVER (PARTITION BY person_id ORDER BY year, quarter) AS changed FROM wages

SELECT COUNT(*) AS "Number of rows", AVG(wage) AS "Mean wage ($)" FROM wages WHERE county = 'New Haven'

SELECT hash(county, industry) % 5 AS fold, avg(wage) FROM wages GROUP BY fold

SELECT person_id, year FROM wages UNION BY NAME SELECT person_id, month FROM benefits

SELECT * FROM (SELECT year, wage FROM wages) AS w(y, pay) WHERE pay > 100

SELECT sum(wage) FILTER (WHERE year = 2021) AS y2021, sum(wage) FILTER (WHERE year = 2022) AS y2022, y2022 / y2021 - 1 AS growth FROM wages

SELECT * FROM wages NATURAL JOIN credentials

SELECT e.grade, list_distinct(list(b.programme)) AS programmes FROM enrolment e LEFT JOIN benefits b USING (person_id) GROUP BY e.grade

WITH ids AS (SELECT person_id FROM credentials WHERE credential = 'certificate' AND year = 2021)
SELECT w.year, w.quarter, avg(w.wage) FROM wages w JOIN ids ON w.person_id = ids.person_id GROUP BY ALL ORDER BY ALL
