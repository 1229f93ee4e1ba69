-- What clients write for a researcher who never sees SQL: ibis 12, SQLAlchemy 2.1, pandas, polars,
-- jupysql, dbplyr and BI tools, as each quotes and nests. Over the world's six views, rows allowed.

SELECT "t2"."county", "t2"."mean_wage" FROM (SELECT "t1"."county", AVG("t1"."wage") AS "mean_wage" FROM (SELECT * FROM "wages" AS "t0" WHERE "t0"."year" = CAST(2022 AS SMALLINT)) AS "t1" GROUP BY 1) AS "t2" ORDER BY "t2"."mean_wage" DESC

SELECT COUNT(*) AS "CountStar()" FROM "main"."wages" AS "t0"

SELECT * FROM (SELECT "t0"."person_id", "t0"."year", ROW_NUMBER() OVER (PARTITION BY "t0"."person_id" ORDER BY "t0"."year" ASC) - 1 AS "rn" FROM "wages" AS "t0") AS "t1" WHERE "t1"."rn" = CAST(0 AS TINYINT)

SELECT "t4"."person_id", "t4"."wage", "t5"."credential" FROM "wages" AS "t4" INNER JOIN "credentials" AS "t5" ON "t4"."person_id" = "t5"."person_id" LIMIT 1000

SELECT "t0"."industry", SUM("t0"."wage") FILTER(WHERE "t0"."wage" > CAST(0 AS TINYINT)) AS "paid", COUNT(DISTINCT "t0"."person_id") AS "n" FROM "wages" AS "t0" GROUP BY 1 HAVING COUNT(*) > 5

SELECT "t1"."year", CASE WHEN "t1"."wage" < 1000 THEN 0 WHEN ("t1"."wage" >= 1000) AND ("t1"."wage" < 5000) THEN 1 ELSE NULL END AS "bucket" FROM (SELECT "t0"."year", "t0"."wage" FROM "wages" AS "t0") AS "t1"

SELECT wages.year, wages.quarter, avg(wages.wage) AS avg_1 FROM wages WHERE wages.industry IN ('11', '62') GROUP BY wages.year, wages.quarter ORDER BY wages.year LIMIT 50

SELECT anon_1.person_id, anon_1.total FROM (SELECT wages.person_id AS person_id, sum(wages.wage) AS total FROM wages GROUP BY wages.person_id) AS anon_1 JOIN credentials ON anon_1.person_id = credentials.person_id WHERE anon_1.total > 1000.0

SELECT credentials_1.institution AS credentials_1_institution, count(*) AS count_1 FROM credentials AS credentials_1 LEFT OUTER JOIN wages AS wages_1 ON credentials_1.person_id = wages_1.person_id GROUP BY credentials_1.institution

WITH anon_2 AS (SELECT credentials.person_id AS person_id, min(credentials.year) AS first FROM credentials GROUP BY credentials.person_id) SELECT anon_2.first, count(*) AS count_1 FROM anon_2 GROUP BY anon_2.first

SELECT CAST(wages.wage AS FLOAT) AS wage, coalesce(wages.county, 'unknown') AS county FROM wages WHERE wages.wage IS NOT NULL AND NOT (EXISTS (SELECT 1 FROM credentials WHERE credentials.person_id = wages.person_id))

SELECT * FROM wages LIMIT 0

SELECT * FROM (SELECT year, wage FROM wages) AS "pandas_query" LIMIT 1

SELECT SUBQ.* FROM (SELECT * FROM credentials) AS SUBQ WHERE 1 = 0

SELECT "county" AS "county", AVG("wage") AS "AVG(wage)" FROM "wages" GROUP BY "county" ORDER BY "AVG(wage)" DESC LIMIT 10000

SELECT DATE_TRUNC('MONTH', "month") AS "__timestamp", COUNT(DISTINCT "person_id") AS "n" FROM "benefits" WHERE "month" >= CAST('2020-01-01' AS DATE) AND "month" < CAST('2024-01-01' AS DATE) GROUP BY DATE_TRUNC('MONTH', "month") ORDER BY "n" DESC LIMIT 1000

-- refused: query.odd-text
SELECT `year`, `wage` FROM `wages`

SELECT "year", AVG("wage") AS "pay" FROM (SELECT "wages".*, "credential" FROM "wages" LEFT JOIN "credentials" ON ("wages"."person_id" = "credentials"."person_id")) "q01" WHERE (NOT(("credential" IS NULL))) GROUP BY "year"

SELECT "q01".*, ROW_NUMBER() OVER (PARTITION BY "person_id" ORDER BY "year") AS "nr" FROM (SELECT "person_id", "year" FROM "wages") "q01"

SELECT a.county, a.n FROM (SELECT county, COUNT(*) n FROM wages GROUP BY county) a WHERE a.n > (SELECT AVG(b.n) FROM (SELECT county, COUNT(*) n FROM wages GROUP BY county) b)

SELECT
    percentile_cont(0.25) WITHIN GROUP (ORDER BY "wage") AS q1,
    percentile_cont(0.50) WITHIN GROUP (ORDER BY "wage") AS med,
    percentile_cont(0.75) WITHIN GROUP (ORDER BY "wage") AS q3,
    avg("wage") AS mean,
    count(*) AS N
FROM "wages"

SELECT count(*) FROM "wages" WHERE "wage" < -1.5 * 100.0 OR "wage" > 25000.0

WITH stats AS (SELECT min("wage") AS lo, max("wage") AS hi FROM "wages") SELECT floor(("wage" - stats.lo) / ((stats.hi - stats.lo) / 50)) * ((stats.hi - stats.lo) / 50) + stats.lo AS bin, count(*) AS count FROM "wages", stats GROUP BY bin ORDER BY bin

SELECT DISTINCT TOP_10.county FROM (SELECT county, count(*) AS c FROM wages GROUP BY county ORDER BY c DESC LIMIT 10) AS TOP_10

SELECT SUM(CASE WHEN "wage" IS NULL THEN 1 ELSE 0 END) AS "n_missing", COUNT(*) AS "n" FROM "wages"

SELECT "t0"."month", EXTRACT(year FROM "t0"."month") AS "y", STRFTIME("t0"."month", '%b') AS "label" FROM "benefits" AS "t0" WHERE "t0"."month" > MAKE_DATE(2020, 1, 1)

SELECT "t0"."person_id", LAG("t0"."wage", 1) OVER (PARTITION BY "t0"."person_id" ORDER BY "t0"."year" ASC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS "before" FROM "wages" AS "t0"

SELECT "t0"."score", CASE WHEN ISNAN("t0"."score") THEN NULL ELSE "t0"."score" END AS "clean" FROM "survey" AS "t0"

SELECT QUANTILE_CONT("t0"."score", CAST(0.5 AS DOUBLE)) AS "median", STDDEV_SAMP("t0"."score") AS "sd", COVAR_SAMP("t0"."score", "t0"."household") AS "cov" FROM "survey" AS "t0"

SELECT * FROM "wages" ORDER BY "wages"."wage" ASC NULLS FIRST FETCH FIRST 10 ROWS ONLY
