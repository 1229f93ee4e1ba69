SELECT * FROM wages LIMIT 5
select count(*) from wages
SHOW TABLES
describe wages
SUMMARIZE wages
summarize select year, wage from wages where year = 2020
describe select year from wages
FROM wages
from wages select year, avg(wage) group by year
SELECT year, quarter, avg(wage) AS mean_wage FROM wages GROUP BY year, quarter ORDER BY 1, 2
SELECT year, quarter, avg(wage) AS mean_wage FROM wages GROUP BY ALL ORDER BY ALL
SELECT c.field_of_study, median(w.wage) m FROM credentials c JOIN wages w ON w.person_id = c.person_id AND w.year = c.year + 1 GROUP BY c.field_of_study HAVING count(DISTINCT c.person_id) >= 11
SELECT field_of_study, avg(wage) FROM credentials JOIN wages USING (person_id) GROUP BY 1
WITH first_pay AS (SELECT person_id, min(year) AS y FROM wages GROUP BY person_id) SELECT y, count(*) FROM first_pay GROUP BY y
WITH a AS (SELECT person_id, sum(wage) total FROM wages GROUP BY 1), b AS (SELECT * FROM a WHERE total > 1000) SELECT count(*) FROM b
SELECT person_id, year, wage, row_number() OVER (PARTITION BY person_id ORDER BY year, quarter) AS n FROM wages QUALIFY n = 1
SELECT year, wage, lag(wage) OVER w AS prev, wage - lag(wage) OVER w AS change FROM wages WINDOW w AS (PARTITION BY person_id ORDER BY year, quarter)
SELECT year, industry, sum(wage) FROM wages GROUP BY GROUPING SETS ((year), (industry), ())
SELECT year, industry, sum(wage), grouping(year) FROM wages GROUP BY ROLLUP (year, industry)
SELECT year, industry, sum(wage) FROM wages GROUP BY CUBE (year, industry)
SELECT CASE WHEN wage < 5000 THEN 'low' WHEN wage < 20000 THEN 'mid' ELSE 'high' END AS band, count(*) FROM wages GROUP BY band
SELECT DISTINCT institution FROM credentials ORDER BY institution NULLS LAST
SELECT * EXCLUDE (county) FROM wages LIMIT 3
SELECT * REPLACE (round(wage, -2) AS wage) FROM wages LIMIT 3
SELECT quantile_cont(wage, 0.5), quantile_cont(wage, [0.1, 0.9]) FROM wages
SELECT year, count(*) FILTER (WHERE industry = 'Health') AS health, count(*) AS n FROM wages GROUP BY year
SELECT county, count(*) n, n / sum(n) OVER () AS share FROM wages GROUP BY county
SELECT * FROM credentials c WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = c.person_id)
SELECT * FROM credentials WHERE person_id NOT IN (SELECT person_id FROM wages)
SELECT * FROM credentials SEMI JOIN wages USING (person_id)
SELECT * FROM credentials ANTI JOIN wages USING (person_id)
SELECT c.*, w.wage FROM credentials c LEFT JOIN wages w USING (person_id) WHERE w.wage IS NULL
SELECT year FROM wages UNION SELECT year FROM credentials
SELECT year FROM wages UNION ALL BY NAME SELECT year FROM credentials
SELECT year FROM wages EXCEPT SELECT year FROM credentials
SELECT corr(wage, year), regr_slope(wage, year), stddev(wage) FROM wages
SELECT date_trunc('year', make_date(year::int, 1, 1)) AS d, avg(wage) FROM wages GROUP BY 1
SELECT make_date(year::int, quarter::int * 3, 1) + INTERVAL 1 MONTH AS d FROM wages
SELECT upper(substr(industry, 1, 3)), length(industry) FROM wages WHERE industry ILIKE 'h%' AND county IN ('Hartford', 'Tolland')
SELECT regexp_extract(industry, '[A-Z]+') FROM wages WHERE regexp_matches(county, '^H')
SELECT industry, string_agg(DISTINCT county, ', ' ORDER BY county) FROM wages GROUP BY industry
SELECT histogram(year) FROM wages
SELECT width_bucket FROM (SELECT floor(wage / 1000) AS width_bucket FROM wages) t
SELECT t.band, count(*) FROM (SELECT person_id, ntile(10) OVER (ORDER BY sum(wage)) AS band FROM wages GROUP BY person_id) t GROUP BY t.band
SELECT approx_count_distinct(person_id), count(DISTINCT person_id) FROM wages
SELECT try_cast(county AS INTEGER), coalesce(county, 'none'), nullif(year, 0), ifnull(county, 'x') FROM wages
SELECT arg_max(industry, wage), max_by(industry, wage) FROM wages GROUP BY person_id
SELECT * FROM wages USING SAMPLE 10 PERCENT
SELECT * FROM wages TABLESAMPLE 10 PERCENT (bernoulli, 7)
SELECT * FROM (VALUES ('a', 1), ('b', 2)) AS v(k, n)
SELECT y.range AS year, count(w.wage) FROM range(2015, 2024) y LEFT JOIN wages w ON w.year = y.range GROUP BY 1
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t
SELECT a.year, b.year FROM wages a, wages b WHERE a.person_id = b.person_id AND a.year < b.year
SELECT w.year, x.n FROM wages w, LATERAL (SELECT count(*) AS n FROM credentials c WHERE c.person_id = w.person_id) x
SELECT wage::DOUBLE / 12 AS monthly, round(wage, 2), abs(wage), ln(wage + 1) FROM wages
SELECT year, sum(wage) AS total, total / count(*) AS mean FROM wages GROUP BY year
SELECT "year" AS "Calendar year", avg(wage) AS "Mean wage" FROM "wages" GROUP BY "year"
SELECT WAGES.YEAR FROM WAGES
SELECT main.wages.year FROM main.wages
SELECT year FROM main.wages
SELECT list(year ORDER BY year) FROM wages GROUP BY person_id
SELECT list_transform(list(year), lambda x: x + 1) FROM wages GROUP BY person_id
SELECT unnest([1, 2, 3]) AS i
SELECT 1
SELECT 'Åse' AS name, county FROM credentials WHERE county = 'Ñ'
-- wages by year\nSELECT year FROM wages -- done
SELECT /* mean */ avg(wage) FROM wages;
SELECT year, avg(wage) FROM wages WHERE year BETWEEN 2018 AND 2020 GROUP BY year HAVING avg(wage) > (SELECT avg(wage) FROM wages)
SELECT person_id, year, sum(wage) OVER (PARTITION BY person_id ORDER BY year ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS rolling FROM wages
SELECT c.year, percentile_cont(0.5) WITHIN GROUP (ORDER BY w.wage) FROM credentials c JOIN wages w USING (person_id) GROUP BY c.year
SELECT current_date - make_date(year::INT, 1, 1) AS age_days FROM credentials
SELECT now(), today(), current_timestamp
SELECT strftime(make_date(year::INT, 1, 1), '%Y') FROM credentials
SELECT year, min(wage), max(wage), avg(wage), stddev_samp(wage), var_pop(wage), skewness(wage), kurtosis(wage) FROM wages GROUP BY year
SELECT * FROM wages ASOF JOIN credentials ON wages.person_id = credentials.person_id AND wages.year >= credentials.year
SELECT count(*) FROM wages NATURAL JOIN credentials
SELECT any_value(county), first(industry ORDER BY year), last(industry ORDER BY year), mode(industry) FROM wages GROUP BY person_id
SELECT greatest(year, 2020), least(year, 2020), year % 2, year // 10, year ** 2 FROM wages
SELECT sum(CASE WHEN wage > 0 THEN 1 ELSE 0 END) * 1.0 / count(*) FROM wages
SELECT {'a': year, 'b': wage} AS s FROM wages
SELECT year FROM wages ORDER BY wage DESC LIMIT 10 OFFSET 5
SELECT bool_and(wage > 0), bool_or(wage > 0), count_if(wage > 100) FROM wages
SELECT split_part(institution, ' ', 1), concat(institution, ' ', county), institution || county FROM credentials
SELECT county, year, sum(n) FROM (SELECT county, year, count(*) AS n FROM credentials GROUP BY 1, 2 UNION ALL SELECT county, year, 0 FROM wages) GROUP BY county, year
SELECT x.year FROM (SELECT * FROM wages) x JOIN (SELECT person_id AS pid FROM credentials) y ON x.person_id = y.pid
SELECT year, wage FROM wages WHERE (year, quarter) IN ((2020, 1), (2020, 2))
SELECT cume_dist() OVER (ORDER BY wage), percent_rank() OVER (ORDER BY wage), dense_rank() OVER (ORDER BY wage), first_value(year) OVER (ORDER BY wage) FROM wages
SELECT w1.year, w1.wage FROM wages AS w1 WHERE w1.wage > ALL (SELECT wage FROM wages WHERE year = 2019)
SELECT w1.year, w1.wage FROM wages AS w1 WHERE w1.wage > ANY (SELECT wage FROM wages WHERE year = 2019)
SELECT mad(wage), entropy(industry), geomean(wage) FROM wages
SELECT extract(year FROM make_date(year::INT, 1, 1)), date_part('month', current_date), date_diff('year', make_date(year::INT,1,1), current_date) FROM wages
SELECT year, wage FROM wages WHERE industry IS NOT DISTINCT FROM NULL OR NOT (wage > 5 AND county LIKE '%ford')
PIVOT wages ON year IN (2021, 2022) USING avg(wage) GROUP BY county
pivot wages on year in (2021, 2022), quarter in (1, 2) using sum(wage) as total, count(*) as n group by industry
FROM wages PIVOT (avg(wage) FOR industry IN ('Health', 'Retail') GROUP BY county)
SELECT p.county FROM (PIVOT wages ON year IN (2021) USING sum(wage) GROUP BY county) p
UNPIVOT wages ON year, quarter INTO NAME what VALUE n
FROM wages UNPIVOT INCLUDE NULLS (n FOR what IN (year AS y, quarter))
describe wages
DESCRIBE SELECT year, avg(wage) AS mean FROM wages GROUP BY ALL
SUMMARIZE SELECT wage FROM wages WHERE year = 2021;
SELECT year, count(*) FROM wages GROUP BY year ORDER BY ALL;
SELECT strptime('2021-01-01', '%Y-%m-%d') AT TIME ZONE 'UTC' AS t
