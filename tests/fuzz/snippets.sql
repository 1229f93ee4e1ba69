SELECT $$zqx7canary$$ AS x FROM wages
SELECT $tag$zqx7canary$tag$ FROM wages
SELECT E'zqx7\x41canary', X'7A71', B'0101', U&'zqx' FROM wages
SELECT 'a' 'zqx7canary' FROM wages
SELECT 0x8675309, 0b1010, 0o17, 1_000, .5, 5., 1e5, 1e, 1.2.3 FROM wages
SELECT wage::DECIMAL(18,2)[], [1,2,3][1:2:-1], {'a': 1}.a, MAP {'k': 2}['k'] FROM wages
SELECT list_transform([1,2], lambda x, i: x + i), [x + 1 FOR x IN [1,2] IF x > 1] FROM wages
SELECT * FROM wages POSITIONAL JOIN credentials
SELECT unnest([{'a': 1, 'b': 2}], recursive := true)
SELECT year FROM wages TABLESAMPLE reservoir(10 ROWS) REPEATABLE (1)
PIVOT wages ON year USING sum(wage) GROUP BY county
UNPIVOT (SELECT year, quarter FROM wages) ON COLUMNS(*) INTO NAME n VALUE v
FROM wages SELECT COLUMNS(c -> c LIKE 'y%')
SELECT * LIKE 'y%' FROM wages
SELECT wages.* EXCLUDE (year) RENAME (wage AS pay) FROM wages
SELECT sum(wage) OVER (w ROWS 1 PRECEDING EXCLUDE TIES) FROM wages WINDOW w AS (ORDER BY year)
WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM t WHERE n < 9) FROM t
WITH t AS MATERIALIZED (FROM wages) TABLE t
SELECT * FROM wages AT (VERSION => 1)
EXPLAIN POLICY SELECT year FROM wages WHERE county = 'zqx7canary'
SELECT * FROM (VALUES (1, 'zqx7canary'), (2, NULL)) v(a, b)
SELECT year FROM wages WHERE person_id = ? AND year = $1 AND quarter = $name
SELECT /* zqx7canary */ year -- zqx7canary
SELECT TRY_CAST('zqx7canary' AS INTEGER), CAST('1' AS ENUM('zqx7canary'))
SELECT year.wages FROM wages
SELECT wages['year'] FROM wages
SELECT * FROM read_csv('canary.csv'), 'canary.csv', "canary.csv", glob('*')
COPY (SELECT 1) TO 'written.csv'
ATTACH 'canary.db'
SELECT current_date AT TIME ZONE 'UTC', now()::TIMESTAMPTZ, TIMESTAMP 'epoch', DATE 'infinity'
SELECT INTERVAL (year) YEAR, INTERVAL '1 year 2 months', 3 SECOND FROM wages
SELECT year IN wages, year IS NULL IS NOT TRUE, NOT NOT year ISNULL FROM wages
SELECT a.b.c.d.e.f FROM wages AS a
SELECT @year, ~year, year!, !year, -year, +year, year ** -1, year <=> 1, year ^@ 'a' FROM wages
SELECT first(year), last(wage ORDER BY ALL) FILTER (year > 1), sum(ALL year) FROM wages GROUP BY ()
SELECT grouping(year), grouping_id(year, quarter) FROM wages GROUP BY CUBE (year, (quarter, wage))
SELECT row(1, 'zqx7canary'), (1, 2), struct_pack(a := 1, "b" := 'zqx7canary') FROM wages
SELECT max(wage, 3), min_by(year, wage, 2), arg_max(year, wage), list(DISTINCT year) FROM wages
SELECT * FROM wages w ASOF LEFT JOIN credentials c ON w.person_id = c.person_id AND w.year >= c.year
SELECT * FROM wages JOIN credentials USING (person_id) UNION BY NAME SELECT * FROM survey
SELECT year FROM wages LIMIT 10% OFFSET 1
SELECT DISTINCT ON (year) year, wage FROM wages ORDER BY year, wage DESC LIMIT (SELECT 3)
