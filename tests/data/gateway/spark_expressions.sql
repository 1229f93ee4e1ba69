-- What the two engines are known to treat differently, one a line; tests/spark/expressions.py
-- rows
i / j
i / 0
d / e
d / 3
x / j
1 / x
i % nullif(j, 0)
i // nullif(j, 0)
-i // 2
i + j
i - j
d + e
d * e
d - i
x * d
abs(i)
abs(d)
abs(x)
-d
i * 1.5
d * 0.5
round(d, 1)
round(d)
round(x, 2)
round(x, 1)
round(x)
round(i / 3, 2)
round(j * 1.005, 2)
round(round(d, 1), 0)
floor(d)
ceil(d)
floor(x)
ceil(x)
floor(i / 3)
ceil(-d / 3)
floor(i)
sqrt(abs(i))
sqrt(i)
ln(i)
ln(d)
ln(x)
exp(j / 10)
power(j, 3)
i ** 2
power(x, 2)
i::DOUBLE
d::DOUBLE
d::BIGINT
(x / 1e300)::BIGINT
(i / 2)::BIGINT
d::VARCHAR
i::VARCHAR
f::VARCHAR
a::VARCHAR
f::INTEGER
f::DOUBLE
i::DECIMAL(38, 3)
d::DECIMAL(20, 1)
i::BOOLEAN
s || t
s || i
s || 'x'
length(s)
upper(s)
lower(s)
trim(s)
ltrim(s)
rtrim(s)
substr(s, 1, 1)
substr(s, 2)
left(s, 1)
right(s, 2)
replace(s, 'a', 'bb')
split_part(s, ' ', 2)
starts_with(s, 'a')
contains(s, 'b')
ends_with(s, 'b')
s LIKE 'a_b'
s LIKE '%'
s ILIKE 'A%'
s = t
s < t
s IN ('a', 'b')
s BETWEEN 'a' AND 'b'
s IS NULL
coalesce(s, t, 'none')
year(a)
month(a)
day(a)
quarter(a)
extract(year FROM a)
a - b
a + 3
a - 3
a + INTERVAL 1 MONTH
a - INTERVAL 1 YEAR
a + INTERVAL 90 DAY
a + INTERVAL 2 WEEK
date_trunc('year', a)
date_trunc('quarter', a)
date_trunc('month', a)
date_trunc('week', a)
date_diff('day', a, b)
date_diff('month', a, b)
date_diff('year', a, b)
date_diff('quarter', a, b)
a < b
a = '2020-02-29'
a BETWEEN '2019-01-01' AND '2020-12-31'
a > DATE '2020-01-01'
make_date(2020, 1 + abs(j) % 12, 1)
a + INTERVAL 1 MONTH > b
greatest(i, j)
least(i, j)
greatest(d, i)
nullif(i, 0)
coalesce(i, j, 0)
coalesce(d, 0)
i IS NOT DISTINCT FROM j
i IS DISTINCT FROM j
i > j AND f
NOT f
f OR i > 0
f IS TRUE
CASE WHEN i > 0 THEN d ELSE 0 END
CASE i WHEN 1 THEN 'one' WHEN 2 THEN 'two' END
if(f, i, j)
i IN (1, 2, NULL)
i NOT IN (1, 2)
d IN (1.10, 99.99)
d > 1
x > 1
x = 0.5
-- groups
count(*)
count(i)
count(DISTINCT i)
sum(i)
sum(d)
sum(x)
avg(j)
avg(d)
avg(DISTINCT d)
min(s)
max(s)
min(a)
max(d)
median(d)
median(i)
median(x)
quantile_cont(j, 0.25)
quantile_cont(x, 0.9)
percentile_cont(0.5) WITHIN GROUP (ORDER BY j)
stddev(j)
stddev_pop(d)
variance(j)
var_pop(x)
bool_and(f)
bool_or(f)
count_if(f)
sum(d) / count(d)
sum(i) * 1.0
sum(CASE WHEN f THEN 1 ELSE 0 END) / count(*)
avg(d) FILTER (WHERE f)
count(*) FILTER (WHERE i > 0)
median(d) FILTER (WHERE d > 1)
round(avg(d), 2)
sum(DISTINCT j)
min(f)
avg(d) - median(d)
-- windows
row_number() OVER (ORDER BY person_id)
rank() OVER (ORDER BY j)
dense_rank() OVER (ORDER BY j DESC)
rank() OVER (ORDER BY s)
percent_rank() OVER (ORDER BY j)
cume_dist() OVER (ORDER BY d)
ntile(4) OVER (ORDER BY person_id)
lag(d) OVER (ORDER BY person_id)
lead(i, 2, 0) OVER (ORDER BY person_id)
sum(d) OVER (ORDER BY person_id)
avg(d) OVER (ORDER BY person_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
first_value(s) OVER (ORDER BY person_id)
count(*) OVER (PARTITION BY f)
d / sum(d) OVER ()
sum(j) OVER (ORDER BY i)
median(d) OVER (PARTITION BY f)
max(a) OVER (PARTITION BY f ORDER BY person_id)
-- queries
SELECT u, upper(u) AS up, lower(u) AS low, length(u) AS n FROM words
SELECT s FROM values_of ORDER BY s LIMIT 4
SELECT s FROM values_of ORDER BY s DESC LIMIT 4
SELECT i FROM values_of ORDER BY i DESC NULLS FIRST LIMIT 3
SELECT f, count(*) FROM values_of GROUP BY ALL ORDER BY ALL
SELECT person_id, i FROM values_of QUALIFY row_number() OVER (PARTITION BY f ORDER BY person_id) = 1
SELECT i FROM values_of UNION SELECT j FROM values_of
SELECT i FROM values_of EXCEPT SELECT j FROM values_of
SELECT i FROM values_of INTERSECT ALL SELECT j FROM values_of
SELECT v.i, w.s FROM values_of v LEFT JOIN values_of w ON v.i = w.j
SELECT count(*) FROM values_of v FULL JOIN values_of w ON v.i = w.j
SELECT v.i FROM values_of v SEMI JOIN values_of w ON v.i = w.j
SELECT v.i FROM values_of v ANTI JOIN values_of w ON v.i = w.j
SELECT i FROM values_of WHERE i NOT IN (SELECT j FROM values_of)
SELECT i FROM values_of WHERE i > (SELECT avg(j) FROM values_of)
SELECT v.i FROM values_of v WHERE EXISTS (SELECT 1 FROM values_of w WHERE w.j = v.i)
SELECT I, V.J FROM VALUES_OF V
SELECT DISTINCT f FROM values_of
SELECT s AS "It's a name" FROM values_of WHERE s <> 'it''s'
SELECT count(*) FROM nothing
SELECT f, count(*) FROM nothing GROUP BY f
SELECT person_id, s || '漢字' AS v, length(s || '漢字') AS n, left(s || '漢字', 2) AS l FROM values_of
