SELECT district, count(*) FROM enrolment GROUP BY district
SELECT district, sex, count(*) FROM enrolment GROUP BY ALL
SELECT count(*) FROM enrolment WHERE district = 'Kent'
SELECT sex, count(*) FROM enrolment GROUP BY sex
SELECT district, count(*) FROM enrolment GROUP BY district HAVING count(*) < 10
SELECT district, count(*) FROM enrolment GROUP BY district ORDER BY count(*) LIMIT 1
SELECT district, sum(wage), count(*) FROM wages JOIN enrolment USING (person_id) GROUP BY district
SELECT sum(wage), count(DISTINCT person_id) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Derby', 'Kent')
SELECT count(*) FILTER (WHERE district = 'Kent'), 99 FROM enrolment
SELECT count(*) FILTER (WHERE district <> 'Kent'), count(*) FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END), 99 FROM enrolment
SELECT sum(CASE WHEN district = 'Kent' THEN wage END), 99 FROM wages JOIN enrolment USING (person_id)
SELECT sum(CASE WHEN district = 'Kent' THEN 0 ELSE wage END), sum(wage) FROM wages JOIN enrolment USING (person_id)
SELECT sum(wage) FILTER (WHERE district = 'Kent'), 99 FROM wages JOIN enrolment USING (person_id)
SELECT avg((district = 'Kent')::INT), 99 FROM enrolment
SELECT count(CASE WHEN district = 'Kent' THEN 1 END), 99 FROM enrolment
SELECT count(DISTINCT CASE WHEN district = 'Kent' THEN person_id END), 99 FROM enrolment
SELECT count_if(district = 'Kent'), 99 FROM enrolment
SELECT sum(k), count(*) FROM (SELECT person_id, max(CASE WHEN district = 'Kent' THEN 1 ELSE 0 END) AS k FROM enrolment GROUP BY person_id)
SELECT sum(total), 99 FROM (SELECT person_id, sum(wage) AS total FROM wages GROUP BY person_id) JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(n), 99 FROM (SELECT person_id, count(*) FILTER (WHERE wage > 7000000) AS n FROM wages GROUP BY person_id)
SELECT sum(wage + 1000000000), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(1000000000 - wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT avg(wage * 2), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT stddev(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT corr(wage, quarter), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(wage * (district = 'Kent')::INT), 99 FROM wages JOIN enrolment USING (person_id)
SELECT district, (SELECT count(*) FROM enrolment WHERE district = 'Kent') FROM enrolment GROUP BY district
SELECT a.district, a.n FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY 1) a WHERE a.n < 10
SELECT district, n FROM (SELECT district, count(*) AS n, rank() OVER (ORDER BY count(*)) AS r FROM enrolment GROUP BY 1) WHERE r = 1
SELECT count(DISTINCT CASE WHEN district = 'Kent' AND grade > 2 THEN 1 ELSE 0 END) FROM enrolment
SELECT approx_count_distinct(CASE WHEN district = 'Kent' THEN grade ELSE 0 END) FROM enrolment
SELECT count(DISTINCT n) FROM (SELECT person_id, bool_or(district = 'Kent') AS n FROM enrolment GROUP BY 1)
SELECT count(DISTINCT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND wage > 7000000)) FROM enrolment e
SELECT count(*), count(TRY_CAST(wage AS SMALLINT)) FROM wages
SELECT sum(wage) - sum(TRY_CAST(wage AS SMALLINT)) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Avon', 'Kent')
SELECT count(k.p), count(*) FROM enrolment e LEFT JOIN (SELECT person_id AS p FROM enrolment WHERE district <> 'Kent') k ON e.person_id = k.p
SELECT sum(k.g), sum(e.grade) FROM enrolment e LEFT JOIN (SELECT person_id AS p, grade AS g FROM enrolment WHERE district <> 'Kent') k ON e.person_id = k.p
SELECT count(*) FILTER (WHERE district IN ('Avon', 'Kent')), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT sum(grade) FILTER (WHERE district IN ('Avon', 'Kent')), sum(grade) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT sum(CASE WHEN district IN ('Avon', 'Kent') THEN grade END), sum(CASE WHEN district = 'Avon' THEN grade END) FROM enrolment
SELECT sum(grade) FILTER (WHERE district <> 'Kent'), sum(grade) FROM enrolment
SELECT sum(CASE WHEN district IN ('Avon', 'Kent') THEN 1 ELSE 0 END), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT count(DISTINCT CASE WHEN district IN ('Avon', 'Kent') THEN person_id END), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT avg(grade) FILTER (WHERE district IN ('Avon', 'Kent')), sum(grade * 2) FILTER (WHERE district = 'Avon') / 2, sum(grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT sum(a), count(b) FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, any_value(grade) FILTER (WHERE district = 'Avon') AS b FROM enrolment GROUP BY person_id)
SELECT sum(a), count(*) FILTER (WHERE d = 'Avon') FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, any_value(district) AS d FROM enrolment GROUP BY person_id)
SELECT sum(a), sum(b) FROM (SELECT person_id, count(*) FILTER (WHERE district IN ('Avon', 'Kent')) AS a, count(*) FILTER (WHERE district = 'Avon') AS b FROM enrolment GROUP BY person_id)
SELECT count(*) FILTER (WHERE district = 'Avon'), regr_count(grade, grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, row_number() OVER (PARTITION BY person_id) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, count(*) OVER (PARTITION BY person_id) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, dense_rank() OVER (PARTITION BY person_id ORDER BY grade) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, ntile(1) OVER (PARTITION BY person_id) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, cume_dist() OVER (PARTITION BY person_id ORDER BY grade) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(school_year - school_year + 1) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(grade - grade + 1) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(school_year + 1) FILTER (WHERE district IN ('Avon', 'Kent')) - sum(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) / avg(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) / avg(school_year) FILTER (WHERE district IN ('Kent', 'Avon')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(CASE WHEN district IN ('Avon', 'Kent') THEN school_year END) / avg(CASE WHEN district IN ('Avon', 'Kent') THEN school_year END) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), (stddev(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) / sem(school_year) FILTER (WHERE district IN ('Avon', 'Kent'))) ** 2 FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), var_samp(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) / var_pop(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(round(school_year / 2000)) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(ceil(school_year / 100000)) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(trunc(school_year / 2000)) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum((school_year / 2000)::INTEGER) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(school_year::BOOLEAN::INTEGER) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(ln(school_year * 1e-300)) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), fsum(log10(school_year)) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), sum(n) FILTER (WHERE district IN ('Avon', 'Kent')) FROM (SELECT district, person_id, round(school_year / 2000) AS n FROM enrolment)
SELECT count(*) FILTER (WHERE district = 'Avon'), regr_count(1, grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), regr_count(school_year, school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT regr_slope(school_year, (district IN ('Avon', 'Kent'))::INT), regr_slope(school_year, (district = 'Avon')::INT), count(*) FROM enrolment
SELECT covar_pop(grade, (district IN ('Avon', 'Kent'))::INT), covar_pop(grade, (district = 'Avon')::INT), count(*) FROM enrolment
SELECT corr(CASE WHEN district IN ('Avon', 'Kent') THEN 1 ELSE 0 END, grade), corr(CASE WHEN district = 'Avon' THEN 1 ELSE 0 END, grade) FROM enrolment
SELECT covar_pop(grade, (district IN ('Avon', 'Kent'))::INT), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT corr((district = 'Kent')::INT, school_year) FROM enrolment
SELECT regr_slope(grade, school_year) FILTER (WHERE district IN ('Avon', 'Kent')), regr_slope(grade, school_year) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT covar_pop(grade, school_year) FILTER (WHERE district IN ('Avon', 'Kent')), covar_samp(school_year, grade) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT sum(ceil(wage / 65000)), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(-floor(-wage / 65000)), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(ceil(wage / 65000) + quarter), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(coalesce(wage, 0) + 1000000000), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(wage::DOUBLE * -1 + 1e12), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(abs(wage)), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(sqrt(wage)), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Kent'
SELECT fsum(wage), kahan_sum(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT var_pop(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sem(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT median(wage), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Kent'
SELECT count(*) FILTER (WHERE district = 'Kent' AND EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id)), 99 FROM enrolment e
SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.wage > 7000000)), count(*) FROM enrolment e
SELECT count(*) FILTER (WHERE person_id IN (SELECT person_id FROM wages WHERE wage > 7000000)), 99 FROM enrolment
SELECT count(*) FILTER (WHERE (SELECT max(w.wage) FROM wages w WHERE w.person_id = e.person_id) > 7000000), 99 FROM enrolment e
SELECT sum(grade) FILTER (WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.wage < 7000000)), sum(grade) FROM enrolment e
SELECT e.district, count(*) FILTER (WHERE w.wage > m.mean), 99 FROM enrolment e JOIN wages w USING (person_id), (SELECT avg(quarter) * 3000000 AS mean FROM wages) m GROUP BY 1
SELECT upper(district), count(*) FROM enrolment GROUP BY 1
SELECT district || sex, count(*) FROM enrolment GROUP BY 1
SELECT {'d': district}, count(*) FROM enrolment GROUP BY 1
SELECT [district], count(*) FROM enrolment GROUP BY 1
SELECT hash(district), count(*) FROM enrolment GROUP BY 1
SELECT district = 'Kent', count(*) FROM enrolment GROUP BY 1
SELECT CASE WHEN sex = 'canary-sex' THEN 'canary-sex' ELSE 'other' END, count(*) FROM enrolment GROUP BY 1
SELECT wage, count(*) FROM wages GROUP BY wage HAVING wage > 7000000
SELECT wage > 7000000, count(*) FROM wages GROUP BY 1
SELECT sex, count(*) FROM enrolment GROUP BY ALL ORDER BY count(*) LIMIT 1
SELECT sex, count(*) FROM enrolment GROUP BY sex ORDER BY sex DESC OFFSET 2
SELECT sex, lag(sex) OVER (ORDER BY count(*)) FROM enrolment GROUP BY sex
SELECT string_agg(sex, ',') FROM (SELECT sex, count(*) FROM enrolment GROUP BY sex)
SELECT list(district) FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY district)
SELECT min(n), arg_min(district, n) FROM (SELECT district, count(*) AS n FROM enrolment GROUP BY district)
SELECT district, count(*) FROM enrolment WHERE sex = 'canary-sex' GROUP BY district
SELECT count(*) FROM enrolment WHERE sex = 'canary-sex' OR district = 'Kent'
SELECT count(*), 99 FROM enrolment WHERE person_id IN (SELECT person_id FROM wages WHERE wage > 7000000)
SELECT 1 / (count(*) - 1), 99 FROM enrolment WHERE district = 'Kent'
SELECT CAST(count(*) AS VARCHAR) || 'x' FROM enrolment WHERE district = 'Kent'
SELECT repeat FROM (SELECT count(*) AS repeat FROM enrolment WHERE district = 'Kent')
SELECT count(*) FROM enrolment WHERE grade = 4 AND district LIKE 'K%'
SELECT count(*) FROM enrolment TABLESAMPLE reservoir(3 ROWS) REPEATABLE (1)
SELECT district, count(*) FROM enrolment TABLESAMPLE 5 PERCENT (bernoulli, 1) GROUP BY district
SELECT sum(nullif(wage, 1000)) FROM wages
SELECT count(*) FROM enrolment a ASOF JOIN (VALUES (0), (4)) v(k) ON a.grade >= v.k
SELECT sum(TRY_CAST(wage + 1000000000 AS BIGINT)), 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(TRY_CAST(sex AS INTEGER)), 99 FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Derby'), regr_count(grade, grade) FILTER (WHERE district = 'Derby' OR (district = 'Hebron' AND grade = 0)) FROM enrolment
SELECT count(school_year) FILTER (WHERE district IN ('Avon', 'Kent')), sum(school_year) FILTER (WHERE district IN ('Avon', 'Kent')), count(*) FILTER (WHERE district = 'Avon') FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), count(school_year) FILTER (WHERE district IN ('Avon', 'Kent')), median(school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT sum(grade) FILTER (WHERE district = 'Avon'), sum(grade) FILTER (WHERE district IN ('Avon', 'Kent')), median(grade) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), count(school_year) FILTER (WHERE district IN ('Avon', 'Kent')), count(DISTINCT school_year) FILTER (WHERE district IN ('Avon', 'Kent')) FROM enrolment
SELECT count(*) FILTER (WHERE district = 'Avon'), count(DISTINCT person_id) FILTER (WHERE district IN ('Avon', 'Kent')), approx_count_distinct(person_id) FILTER (WHERE district IN ('Avon', 'Kent')), avg(grade) FROM enrolment
SELECT (sum(ceil(wage / 300000)) - count(*)) * 300000, 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT (sum(-floor(-wage / 300000)) - count(*)) * 300000, 99 FROM wages JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT approx_count_distinct(district = 'Kent' AND grade = 4) FROM enrolment
SELECT sum(wage * 5.2e300::DOUBLE * k) FILTER (WHERE quarter <> 2) / 5.2e300::DOUBLE FROM (SELECT person_id, wage, quarter, quarter - lag(quarter) OVER (PARTITION BY person_id ORDER BY year, quarter) AS k FROM wages) JOIN enrolment USING (person_id) WHERE district = 'Derby'
SELECT sum(ceil(wage / 1615)) - count(*) FROM wages JOIN enrolment USING (person_id) WHERE district = 'Avon'
SELECT regr_slope(wage, grade), avg(wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE grade = 3 OR district = 'Kent'
SELECT covar_pop(wage, grade), avg(wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE grade = 3 OR district = 'Kent'
SELECT sum(wage * grade), sum(wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE grade = 3 OR district = 'Kent'
SELECT sum(s), sum(t) FROM (SELECT person_id, sum(wage * grade) AS s, sum(wage) AS t FROM wages JOIN enrolment USING (person_id) WHERE grade = 3 OR district = 'Kent' GROUP BY person_id)
SELECT covar_pop(CASE WHEN a THEN wage ELSE 0 END, CASE WHEN b THEN wage ELSE 0 END), sum(CASE WHEN a THEN wage ELSE 0 END), sum(CASE WHEN b THEN wage ELSE 0 END), count(*) FROM (SELECT *, district IN ('Derby', 'Canton') AS a, district IN ('Derby', 'Bolton') AS b FROM wages JOIN enrolment USING (person_id))
SELECT covar_pop(CASE WHEN district IN ('Derby', 'Avon', 'Canton') THEN wage ELSE 0 END, CASE WHEN district IN ('Derby', 'Bolton') THEN wage ELSE 0 END) FROM wages JOIN enrolment USING (person_id)
SELECT var_pop(wage), avg(wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE district IN ('Avon', 'Bolton', 'Canton', 'Derby')
SELECT sum(wage - m), count(*) FROM (SELECT person_id, wage, m FROM wages JOIN enrolment USING (person_id), (SELECT sum(wage) AS m FROM wages) WHERE district = 'Derby')
SELECT regr_intercept(wage, school_year), regr_r2(wage, school_year) FROM wages JOIN enrolment USING (person_id) WHERE school_year = 2021 OR district = 'Kent'
SELECT corr(wage, grade), stddev_pop(wage), stddev_pop(grade), avg(wage), count(*) FROM wages JOIN enrolment USING (person_id) WHERE grade = 3 OR district = 'Kent'
SELECT corr(grade, school_year) FROM enrolment WHERE school_year = 2021 OR district = 'Kent'
SELECT regr_r2(grade, school_year), var_pop(grade), count(*) FROM enrolment WHERE school_year = 2021 OR district = 'Kent'
SELECT covar_samp(school_year, grade) FROM enrolment WHERE grade = 2 OR district IN ('Kent', 'Hebron')
SELECT district, count(*) FROM enrolment GROUP BY 1 HAVING count(*) < 10 OR count(*) IS NULL
SELECT 1 FROM enrolment HAVING count(*) FILTER (WHERE district = 'Kent') = 1
SELECT 'yes' FROM enrolment WHERE district = 'Kent' AND grade = 4 HAVING count(*) > 0
SELECT 'empty' FROM enrolment WHERE district = 'Kent' HAVING count(*) = 0
SELECT 1 / count(*) FROM enrolment WHERE district = 'Kent' AND grade = 4
SELECT sum(grade) / (count(*) FILTER (WHERE district = 'Kent' AND grade = 4)) FROM enrolment
SELECT sum(9223372036854775807 * (district = 'Kent')::BIGINT) FROM enrolment
SELECT avg(wage * 1e305) FROM wages
SELECT avg(grade) FROM (FROM enrolment USING SAMPLE reservoir(1 ROWS) REPEATABLE (3))
SELECT lower(district), count(*) FROM enrolment GROUP BY lower(district) HAVING count(*) BETWEEN 1 AND 9
SELECT count(*) FILTER (WHERE sex = 'canary-sex'), count(*) FILTER (WHERE sex = 'f'), count(*) FROM enrolment
SELECT count(sex), count(*), count(nullif(sex, 'canary-sex')) FROM enrolment
SELECT count(*) FILTER (WHERE grade <= 2), count(*) FILTER (WHERE grade < 3 OR district = 'Kent') FROM enrolment
SELECT avg(grade) FILTER (WHERE district <> 'Kent'), avg(grade) FROM enrolment
SELECT avg(grade), avg(grade) FILTER (WHERE sex <> 'canary-sex') FROM enrolment
SELECT avg(grade), avg(nullif(grade, CASE WHEN district = 'Kent' THEN grade END)) FROM enrolment
SELECT sum(a.grade), sum(b.grade) FROM enrolment a LEFT JOIN enrolment b ON a.person_id = b.person_id AND b.district <> 'Kent'
SELECT var_pop(grade) FILTER (WHERE district <> 'Kent'), var_pop(grade) FROM enrolment
SELECT median(grade) FILTER (WHERE district <> 'Kent'), median(grade) FROM enrolment
SELECT corr(grade, school_year) FILTER (WHERE district <> 'Kent'), corr(grade, school_year) FROM enrolment
SELECT count(DISTINCT grade) FILTER (WHERE district <> 'Kent'), count(DISTINCT grade) FROM enrolment
SELECT sum(x), sum(y) FROM (SELECT e.person_id, max(grade) AS x, max(grade) FILTER (WHERE district <> 'Kent') AS y FROM enrolment e GROUP BY 1)
SELECT avg(x) FROM (SELECT person_id, CASE WHEN bool_or(district = 'Kent') THEN max(wage) ELSE 0 END AS x FROM wages JOIN enrolment USING (person_id) GROUP BY 1)
SELECT avg((wage > 7000000)::INT) FROM wages
SELECT avg((wage > 7000000)::INT * wage) FROM wages
SELECT count(CASE WHEN wage > 7000000 THEN 1 END) FROM wages
SELECT count(TRY_CAST(CASE WHEN wage > 7000000 THEN 'x' ELSE '1' END AS INT)) FROM wages
SELECT count(strptime(CASE WHEN district = 'Kent' THEN NULL ELSE '2020' END, '%Y')), count(*) FROM enrolment
SELECT sum(grade), sum(CASE WHEN district = 'Kent' THEN NULL ELSE grade END) FROM enrolment
SELECT count(u.a), count(*) FROM (SELECT person_id, CASE WHEN district = 'Kent' THEN NULL ELSE {'a': 1} END AS u FROM enrolment)
SELECT count(*) FROM enrolment GROUP BY district HAVING district = 'Kent'
SELECT e.district, count(*) FROM enrolment e SEMI JOIN wages w ON e.person_id = w.person_id AND w.wage > 7000000 GROUP BY 1
SELECT sum(wage) FROM wages WHERE person_id IN (SELECT person_id FROM enrolment WHERE district IN ('Avon', 'Kent'))
SELECT avg(w.wage - f.size) FROM wages w JOIN firms f USING (person_id)
SELECT avg(n), count(*) FROM (SELECT person_id, count(*) FILTER (WHERE wage > 7000000) AS n FROM wages GROUP BY 1)
SELECT regr_slope(t, n), regr_intercept(t, n), avg(n), avg(t), count(*) FROM (SELECT person_id, count(*) AS n, avg(wage) AS t FROM wages WHERE (year = 2021 AND quarter = 1) OR person_id IN (SELECT person_id FROM enrolment WHERE district = 'Hebron') GROUP BY 1)
SELECT sum(a.wage - b.wage) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT avg(a.wage - b.wage), count(*) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(-b.wage + a.wage) * 2 FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.quarter - b.quarter) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.wage * (b.quarter - c.quarter)) FROM wages a JOIN wages b USING (person_id) JOIN wages c USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND b.quarter < c.quarter)
SELECT sum(s) FROM (SELECT person_id, sum(a.quarter - b.quarter) AS s FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter) GROUP BY 1)
SELECT covar_pop(a.quarter - b.quarter, a.wage) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.wage), sum(b.wage) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT avg(a.wage) - avg(b.wage) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.wage), sum(b.wage * 3) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.wage) FILTER (WHERE a.year > 0), sum(b.wage) FROM wages a JOIN wages b USING (person_id) JOIN enrolment e USING (person_id) WHERE NOT (e.district = 'Hebron' AND a.quarter < b.quarter)
SELECT sum(a.s), sum(b.s) FROM (SELECT person_id, sum(wage) AS s FROM wages GROUP BY 1) a JOIN (SELECT person_id, sum(wage) AS s FROM wages WHERE NOT (wage > 2900 AND quarter = 2) GROUP BY 1) b USING (person_id)
SELECT avg(a.s), avg(b.s) FROM (SELECT person_id, avg(wage) AS s FROM wages GROUP BY 1) a JOIN (SELECT person_id, avg(wage) AS s FROM wages WHERE NOT (wage > 2900 AND quarter = 2) GROUP BY 1) b USING (person_id)
SELECT sum(a.s), sum(b.s) FROM (SELECT person_id, count(*) AS s FROM wages GROUP BY 1) a JOIN (SELECT person_id, count(*) AS s FROM wages WHERE NOT (wage > 2900 AND quarter = 2) GROUP BY 1) b USING (person_id)
SELECT sum(a.s) / sum(b.s) FROM (SELECT person_id, count(wage) AS s FROM wages GROUP BY 1) a JOIN (SELECT person_id, count(*) AS s FROM wages WHERE NOT (wage > 2900 AND quarter = 2) GROUP BY 1) b USING (person_id)
SELECT sum(s), sum(t) FROM (SELECT person_id, sum(wage) AS s, sum(wage) FILTER (WHERE NOT (wage > 2900 AND quarter = 2)) AS t FROM wages GROUP BY 1)
SELECT sum(s), sum(t * 2) FROM (SELECT person_id, count(*) AS s, count(*) FILTER (WHERE NOT (wage > 2900 AND quarter = 2)) AS t FROM wages GROUP BY 1)
SELECT median(wage) FILTER (WHERE wage > 1200), median(wage) FILTER (WHERE wage > 1210) FROM wages
