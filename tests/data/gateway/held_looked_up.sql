SELECT * EXCLUDE (sex) FROM enrolment WHERE person_id = '<ONE>'
SELECT grade FROM enrolment WHERE '<ONE>' = person_id
SELECT grade FROM enrolment WHERE person_id IN ('<ONE>', 'x')
SELECT grade FROM enrolment WHERE person_id NOT IN ('<ONE>')
SELECT grade FROM enrolment WHERE person_id <> '<ONE>'
SELECT grade FROM enrolment WHERE person_id > '<ONE>'
SELECT grade FROM enrolment WHERE person_id BETWEEN 'a' AND 'b'
SELECT grade FROM enrolment WHERE person_id IS NOT DISTINCT FROM '<ONE>'
SELECT grade FROM enrolment WHERE person_id LIKE '<ONE:8>%'
SELECT grade FROM enrolment WHERE person_id ILIKE '<ONE>'
SELECT grade FROM enrolment WHERE person_id ~ '<ONE>'
SELECT grade FROM enrolment WHERE regexp_matches(person_id, '^<ONE:4>')
SELECT grade FROM enrolment WHERE starts_with(person_id, '<ONE:8>')
SELECT grade FROM enrolment WHERE contains(person_id, '<ONE:8>')
SELECT grade FROM enrolment WHERE substr(person_id, 1, 8) = '<ONE:8>'
SELECT grade FROM enrolment WHERE person_id[1:8] = '<ONE:8>'
SELECT grade FROM enrolment WHERE left(person_id, 8) IN ('<ONE:8>')
SELECT grade FROM enrolment WHERE strpos(person_id, '<ONE:8>') > 0
SELECT grade FROM enrolment WHERE length(replace(person_id, '<ONE>', '')) = 0
SELECT grade FROM enrolment WHERE levenshtein(person_id, '<ONE>') = 0
SELECT grade FROM enrolment WHERE hash(person_id) % 1000 = 3
SELECT grade FROM enrolment WHERE md5(person_id) = md5('<ONE>')
SELECT grade FROM enrolment WHERE person_id || '' = '<ONE>'
SELECT grade FROM enrolment WHERE upper(person_id) = upper('<ONE>')
SELECT grade FROM enrolment WHERE coalesce(person_id, 'x') = '<ONE>'
SELECT grade FROM enrolment WHERE nullif(person_id, '<ONE>') IS NULL
SELECT grade FROM enrolment WHERE CASE WHEN person_id = '<ONE>' THEN true ELSE false END
SELECT grade FROM enrolment WHERE CASE person_id WHEN '<ONE>' THEN 1 ELSE 0 END = 1
SELECT grade FROM enrolment WHERE (person_id, grade) = ('<ONE>', 1)
SELECT grade FROM enrolment WHERE (person_id, grade) IN (('<ONE>', 1))
SELECT grade FROM enrolment WHERE [person_id] = ['<ONE>']
SELECT grade FROM enrolment WHERE list_contains(['<ONE>'], person_id)
SELECT grade FROM enrolment WHERE len(list_filter(['<ONE>'], lambda x: x = person_id)) > 0
SELECT grade FROM enrolment WHERE map(['<ONE>'], [1])[person_id] = 1
SELECT grade FROM enrolment WHERE list_position(['<ONE>'], person_id) = 1
SELECT grade FROM enrolment WHERE {'a': person_id}.a = '<ONE>'
SELECT grade FROM enrolment WHERE to_json(person_id)::VARCHAR = to_json('<ONE>')::VARCHAR
SELECT grade FROM (SELECT person_id AS who, grade FROM enrolment) WHERE who = '<ONE>'
WITH a(x, g) AS (SELECT person_id, grade FROM enrolment) SELECT g FROM a WHERE x = '<ONE>'
SELECT grade FROM (SELECT grade, person_id = '<ONE>' AS flag FROM enrolment) WHERE flag
SELECT person_id = '<ONE>' FROM enrolment
SELECT grade FROM enrolment WHERE person_id IN (VALUES ('<ONE>'))
SELECT grade FROM enrolment WHERE person_id IN (SELECT '<ONE>')
SELECT grade FROM enrolment WHERE person_id = (SELECT '<ONE>')
SELECT grade FROM enrolment WHERE person_id = ANY (SELECT unnest(['<ONE>']))
SELECT grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM (VALUES ('<ONE>')) v(x) WHERE v.x = e.person_id)
SELECT e.grade FROM enrolment e JOIN (VALUES ('<ONE>')) v(x) ON e.person_id = v.x
SELECT e.grade FROM enrolment e JOIN (SELECT '<ONE>' AS person_id) USING (person_id)
SELECT e.grade FROM enrolment e NATURAL JOIN (SELECT '<ONE>' AS person_id)
SELECT e.grade FROM enrolment e, (SELECT '<ONE>' AS x) v WHERE e.person_id = v.x
SELECT e.grade FROM enrolment e SEMI JOIN (SELECT '<ONE>' AS x) v ON e.person_id = v.x
SELECT e.grade FROM enrolment e LEFT JOIN (SELECT '<ONE>' AS x) v ON e.person_id = v.x
SELECT e.grade FROM enrolment e ASOF JOIN (SELECT '<ONE>' AS x) v ON e.person_id >= v.x
SELECT e.grade FROM enrolment e JOIN unnest(['<ONE>']) u(x) ON e.person_id = u.x
WITH w AS (SELECT '<ONE>' AS x UNION ALL SELECT person_id FROM wages WHERE false) SELECT e.grade FROM enrolment e JOIN w ON e.person_id = w.x
SELECT person_id FROM enrolment INTERSECT SELECT '<ONE>'
SELECT person_id FROM enrolment EXCEPT SELECT '<ONE>'
SELECT grade FROM enrolment WHERE person_id = (SELECT min(person_id) FROM enrolment)
SELECT grade FROM enrolment WHERE person_id = (SELECT first(person_id ORDER BY grade) FROM enrolment)
SELECT grade FROM enrolment ORDER BY person_id = '<ONE>' DESC LIMIT 1
SELECT grade FROM enrolment ORDER BY levenshtein(person_id, '<ONE>') LIMIT 1
SELECT grade FROM enrolment ORDER BY substr(person_id, 2) LIMIT 1
SELECT arg_min(grade, levenshtein(person_id, '<ONE>')) FROM enrolment
SELECT max(CASE WHEN person_id = '<ONE>' THEN grade END) FROM enrolment
SELECT max(grade) FILTER (WHERE person_id = '<ONE>') FROM enrolment
SELECT sum((person_id = '<ONE>')::INT * grade) FROM enrolment
SELECT substr(person_id, 1, 8), max(grade) FROM enrolment GROUP BY 1
SELECT grade FROM enrolment GROUP BY person_id, grade HAVING person_id = '<ONE>'
SELECT grade FROM enrolment QUALIFY person_id = '<ONE>' AND count(*) OVER () > 0
SELECT grade FROM enrolment QUALIFY row_number() OVER (ORDER BY person_id) = 5
SELECT grade FROM enrolment QUALIFY dense_rank() OVER (PARTITION BY grade ORDER BY person_id) = 1
SELECT grade FROM enrolment QUALIFY lag(person_id) OVER (ORDER BY grade) = '<ONE>'
SELECT e.grade FROM enrolment e JOIN wages w ON e.person_id = w.industry
SELECT e.grade FROM enrolment e JOIN wages w ON substr(e.person_id, 1) = substr(w.person_id, 1)
WITH RECURSIVE r(p, n) AS (SELECT person_id, 1 FROM enrolment UNION ALL SELECT p, n + 1 FROM r WHERE n < 2) SELECT n FROM r WHERE p = '<ONE>'
SELECT grade FROM enrolment WHERE try_cast(person_id AS UUID) = '<ONE>'::UUID
SELECT grade FROM enrolment WHERE CAST(strpos(person_id, '<ONE>') AS BOOLEAN)
SUMMARIZE SELECT grade FROM enrolment WHERE person_id = '<ONE>'
SELECT grade, unnest(list_filter([person_id], lambda x: x = '<ONE>')) FROM enrolment
SELECT e.grade FROM enrolment e, unnest(list_filter([e.person_id], lambda x: x = '<ONE>')) u
SELECT map(list(person_id), list(grade))['<ONE>'] FROM enrolment
SELECT histogram(person_id)['<ONE>'] FROM wages
SELECT (list(grade ORDER BY person_id))[list_position(list(person_id ORDER BY person_id), '<ONE>')] FROM enrolment
SELECT list_transform(list(person_id), lambda p: p || '<ONE>') FROM enrolment
SELECT string_split(string_agg(person_id, ','), '<ONE>') FROM enrolment
SELECT grade FROM enrolment WHERE greatest(person_id, '<ONE>') = person_id
SELECT grade FROM enrolment WHERE least(person_id, '<ONE>') = '<ONE>'
SELECT grade FROM enrolment WHERE ifnull(nullif(person_id, '<ONE>'), '') = ''
SELECT grade FROM enrolment WHERE if(person_id = '<ONE>', true, false)
SELECT grade FROM enrolment WHERE list_has_any([person_id], ['<ONE>'])
SELECT grade FROM enrolment WHERE list_has_all(['<ONE>'], [person_id])
SELECT grade FROM enrolment WHERE ['<ONE>'] @> [person_id]
SELECT grade FROM enrolment WHERE [person_id] && ['<ONE>']
SELECT grade FROM enrolment WHERE len(list_intersect([person_id], ['<ONE>'])) = 1
SELECT grade FROM enrolment WHERE array_position(['<ONE>'], person_id) IS NOT NULL
SELECT grade FROM enrolment WHERE list_indexof(['<ONE>'], person_id) = 1
SELECT grade FROM enrolment WHERE (['<ONE>'])[1] = person_id
SELECT grade FROM enrolment WHERE list_aggregate([person_id, '<ONE>'], 'max') = '<ONE>'
SELECT grade FROM enrolment WHERE list_sort([person_id, '<ONE>'])[1] = '<ONE>'
SELECT grade FROM enrolment WHERE list_unique([person_id, '<ONE>']) = 1
SELECT grade FROM enrolment WHERE len(list_distinct([person_id, '<ONE>'])) = 1
SELECT grade FROM enrolment WHERE map_contains(map(['<ONE>'], [1]), person_id)
SELECT grade FROM enrolment WHERE map {'<ONE>': 1}[person_id] IS NOT NULL
SELECT grade FROM enrolment WHERE element_at(map([person_id], [1]), '<ONE>') IS NOT NULL
SELECT grade FROM enrolment WHERE row(person_id) = row('<ONE>')
SELECT grade FROM enrolment WHERE {'p': person_id} = {'p': '<ONE>'}
SELECT grade FROM enrolment WHERE {'p': person_id} IN ({'p': '<ONE>'})
SELECT grade FROM enrolment WHERE struct_contains(row(person_id), '<ONE>')
SELECT grade FROM enrolment WHERE json_contains(json_array(person_id), '"<ONE>"')
SELECT grade FROM enrolment WHERE union_value(p := person_id) = union_value(p := '<ONE>')
SELECT grade FROM enrolment WHERE hash(person_id) = hash('<ONE>')
SELECT grade FROM enrolment WHERE sha256(person_id) = sha256('<ONE>')
SELECT grade FROM enrolment WHERE md5_number(person_id) % 1000 = 1
SELECT grade FROM enrolment WHERE encode(person_id) = encode('<ONE>')
SELECT grade FROM enrolment WHERE hex(person_id) LIKE '3%'
SELECT grade FROM enrolment WHERE base64(encode(person_id)) = 'x'
SELECT grade FROM enrolment WHERE ascii(person_id) = 48
SELECT grade FROM enrolment WHERE unicode(person_id[1]) < 50
SELECT grade FROM enrolment WHERE bit_length(replace(person_id, '<ONE>', '')) = 0
SELECT grade FROM enrolment WHERE damerau_levenshtein(person_id, '<ONE>') = 0
SELECT grade FROM enrolment WHERE jaro_similarity(person_id, '<ONE>') > 0.99
SELECT grade FROM enrolment WHERE jaccard(person_id, '<ONE>') = 1
SELECT grade FROM enrolment WHERE hamming(person_id, '<ONE>') = 0
SELECT grade FROM enrolment WHERE editdist3(person_id, '<ONE>') = 0
SELECT grade FROM enrolment WHERE person_id ^@ '<ONE:8>'
SELECT grade FROM enrolment WHERE suffix(person_id, right('<ONE>', 8))
SELECT grade FROM enrolment WHERE prefix(person_id, '<ONE:8>')
SELECT grade FROM enrolment WHERE person_id SIMILAR TO '<ONE:8>.*'
SELECT grade FROM enrolment WHERE person_id GLOB '<ONE:8>*'
SELECT grade FROM enrolment WHERE person_id NOT LIKE '%a%'
SELECT grade FROM enrolment WHERE person_id !~~ 'x'
SELECT grade FROM enrolment WHERE regexp_full_match(person_id, '<ONE>')
SELECT grade FROM enrolment WHERE regexp_extract(person_id, '^(.)', 1) = '0'
SELECT grade FROM enrolment WHERE translate(person_id, '0', '1') <> person_id
SELECT grade FROM enrolment WHERE concat(person_id, 'x') = '<ONE>x'
SELECT grade FROM enrolment WHERE concat_ws('-', person_id) = '<ONE>'
SELECT grade FROM enrolment WHERE format('{}', person_id) = '<ONE>'
SELECT grade FROM enrolment WHERE printf('%s', person_id) = '<ONE>'
SELECT grade FROM enrolment WHERE trim(person_id, '<ONE>') = ''
SELECT grade FROM enrolment WHERE reverse(person_id) = reverse('<ONE>')
SELECT grade FROM enrolment WHERE split_part(person_id, '-', 1) = '<ONE:8>'
SELECT grade FROM enrolment WHERE person_id::UUID = '<ONE>'
SELECT grade FROM enrolment WHERE person_id::BLOB = '<ONE>'::BLOB
SELECT grade FROM enrolment WHERE try_cast(substr(person_id, 1, 1) AS INTEGER) = 0
SELECT grade FROM enrolment WHERE person_id >= '0' AND person_id < '1'
SELECT grade FROM enrolment WHERE '<ONE>' BETWEEN person_id AND person_id
SELECT grade FROM enrolment WHERE NOT (person_id <> '<ONE>')
SELECT grade FROM enrolment WHERE (person_id = '<ONE>') IS TRUE
SELECT grade FROM enrolment WHERE coalesce(person_id = '<ONE>', false)
SELECT grade FROM enrolment WHERE TRY(person_id = '<ONE>')
SELECT grade FROM enrolment WHERE list_any_value(list_filter([person_id], lambda p: p = '<ONE>')) IS NOT NULL
SELECT grade FROM enrolment WHERE list_reduce([person_id, '<ONE>'], lambda a, b: CASE WHEN a = b THEN a END) IS NOT NULL
SELECT grade FROM enrolment WHERE len([p FOR p IN [person_id] IF p = '<ONE>']) = 1
SELECT grade FROM enrolment WHERE list_transform([1], lambda i: person_id = '<ONE>')[1]
SELECT grade FROM enrolment WHERE person_id = ALL (SELECT '<ONE>')
SELECT grade FROM enrolment WHERE person_id = ANY (['<ONE>'])
SELECT grade FROM enrolment WHERE person_id IN (SELECT unnest(['<ONE>']))
SELECT grade FROM enrolment WHERE person_id IN (FROM (VALUES ('<ONE>')))
SELECT grade FROM enrolment WHERE (person_id, grade) NOT IN (VALUES ('<ONE>', 1))
SELECT grade FROM enrolment WHERE '<ONE>' IN (SELECT w.person_id FROM wages w WHERE w.person_id = enrolment.person_id)
SELECT grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.person_id = '<ONE>')
SELECT grade FROM enrolment e WHERE EXISTS (SELECT 1 WHERE e.person_id = '<ONE>')
SELECT grade FROM enrolment e WHERE (SELECT e.person_id = '<ONE>')
SELECT grade FROM enrolment e, LATERAL (SELECT e.person_id = '<ONE>' AS f) x WHERE x.f
SELECT grade FROM enrolment e, LATERAL (VALUES (e.person_id)) v(p) WHERE v.p = '<ONE>'
SELECT grade FROM enrolment e, LATERAL (SELECT * FROM (VALUES ('<ONE>')) v(p) WHERE v.p = e.person_id) x
SELECT e.grade FROM enrolment e RIGHT JOIN (SELECT '<ONE>' AS p) x ON e.person_id = x.p
SELECT e.grade FROM enrolment e FULL JOIN (SELECT '<ONE>' AS person_id) x USING (person_id)
SELECT e.grade FROM enrolment e ANTI JOIN (SELECT '<ONE>' AS p) x ON e.person_id <> x.p
SELECT e.grade FROM enrolment e JOIN wages w ON e.person_id = w.person_id AND w.person_id < '<ONE>'
SELECT e.grade FROM enrolment e JOIN (SELECT DISTINCT person_id FROM wages UNION SELECT '<ONE>') x USING (person_id)
SELECT e.grade FROM enrolment e JOIN (SELECT person_id FROM wages UNION ALL SELECT '<ONE>') x USING (person_id)
SELECT e.grade FROM enrolment e JOIN (SELECT coalesce(NULL, '<ONE>') AS person_id) x USING (person_id)
SELECT e.grade FROM enrolment e JOIN (SELECT CASE WHEN true THEN '<ONE>' ELSE person_id END AS p FROM wages) x ON x.p = e.person_id
SELECT e.grade FROM enrolment e JOIN (SELECT lag(person_id, 1, '<ONE>') OVER (ORDER BY year) AS p FROM wages) x ON x.p = e.person_id
SELECT e.grade FROM enrolment e JOIN (SELECT max(person_id) AS p FROM wages) x ON x.p = e.person_id
SELECT e.grade FROM enrolment e JOIN (SELECT unnest(['<ONE>', NULL]) AS p) x ON x.p = e.person_id
SELECT v, count(*) FROM (UNPIVOT (SELECT person_id, '<ONE>' AS x FROM enrolment) ON person_id, x INTO NAME n VALUE v) GROUP BY v HAVING count(*) > 280
SELECT count(*) FILTER (WHERE person_id = '<ONE>') FROM enrolment
SELECT list(grade) FILTER (WHERE person_id LIKE '<ONE:8>%') FROM enrolment
SELECT arg_max(grade, person_id = '<ONE>') FROM enrolment
SELECT arg_min(grade, person_id <> '<ONE>') FROM enrolment
SELECT max(grade ORDER BY person_id = '<ONE>') FROM enrolment
SELECT first(grade ORDER BY person_id = '<ONE>' DESC) FROM enrolment
SELECT list(grade ORDER BY levenshtein(person_id, '<ONE>'))[1] FROM enrolment
SELECT mode(grade ORDER BY hash(person_id)) FROM enrolment
SELECT quantile_disc(person_id, 0.5) = '<ONE>' FROM enrolment
SELECT histogram(person_id)['<ONE>'] FROM enrolment
SELECT map_keys(histogram(person_id))[5] FROM enrolment
SELECT approx_top_k(person_id, 5)[1] FROM wages
SELECT list_position(list(person_id), '<ONE>') FROM enrolment
SELECT list_contains(list(person_id), '<ONE>') FROM enrolment
SELECT list_zip(list(person_id), list(grade))[7] FROM enrolment
SELECT list_filter(list({'p': person_id, 'g': grade}), lambda x: x.p = '<ONE>') FROM enrolment
SELECT json_extract_string(json_group_object(person_id, grade), '$."<ONE>"') FROM enrolment
SELECT json_group_array(person_id)->>0 FROM enrolment
SELECT max(person_id) = '<ONE>' FROM enrolment
SELECT bit_xor(hash(person_id)) FROM enrolment
SELECT sum((person_id > '<ONE>')::INT) FROM enrolment
SELECT grade, count(*) FROM enrolment GROUP BY grade, person_id = '<ONE>'
SELECT grade FROM enrolment GROUP BY ALL HAVING max(person_id) = '<ONE>'
SELECT grade FROM enrolment GROUP BY grade HAVING bool_or(person_id = '<ONE>')
SELECT grade, person_id FROM enrolment GROUP BY 1, 2 HAVING person_id = '<ONE>'
SELECT DISTINCT ON (person_id = '<ONE>') grade FROM enrolment
SELECT grade FROM enrolment QUALIFY max(person_id = '<ONE>') OVER (PARTITION BY person_id)
SELECT grade FROM enrolment QUALIFY rank() OVER (ORDER BY person_id = '<ONE>' DESC) = 1
SELECT grade FROM enrolment QUALIFY first_value(person_id) OVER (PARTITION BY person_id) = '<ONE>'
SELECT grade FROM enrolment QUALIFY count(*) OVER (PARTITION BY person_id = '<ONE>') = 1
SELECT grade FROM enrolment QUALIFY cume_dist() OVER (ORDER BY person_id) < 0.004
SELECT grade FROM enrolment QUALIFY percent_rank() OVER (ORDER BY person_id) = 0
SELECT grade FROM enrolment QUALIFY ntile(280) OVER (ORDER BY person_id) = 3
SELECT grade FROM enrolment QUALIFY nth_value(person_id, 3) OVER (ORDER BY grade) = person_id
SELECT grade, sum(grade) OVER (ORDER BY person_id = '<ONE>' ROWS BETWEEN CURRENT ROW AND CURRENT ROW) FROM enrolment
SELECT grade FROM enrolment ORDER BY CASE WHEN person_id = '<ONE>' THEN 0 ELSE 1 END LIMIT 1
SELECT grade FROM enrolment ORDER BY hash(person_id) LIMIT 1
SELECT grade FROM enrolment ORDER BY person_id[2:] LIMIT 1
SELECT grade FROM enrolment LIMIT (SELECT count(*) FROM enrolment WHERE person_id < '<ONE>')
SELECT grade, unnest(regexp_extract_all(person_id, '<ONE>')) FROM enrolment
SELECT grade, unnest(string_split(person_id, '<ONE>')[2:]) FROM enrolment
SELECT grade, generate_subscripts([p FOR p IN [person_id] IF p = '<ONE>'], 1) FROM enrolment
WITH RECURSIVE r(p, g) AS (SELECT person_id, grade FROM enrolment UNION ALL SELECT p, g FROM r WHERE p = '<ONE>' AND false) SELECT g FROM r
WITH RECURSIVE r(p) AS (SELECT '<ONE>' UNION ALL SELECT e.person_id FROM enrolment e, r WHERE e.person_id = r.p AND false) SELECT grade FROM enrolment JOIN r ON p = person_id
WITH x(p) AS MATERIALIZED (VALUES ('<ONE>')) SELECT grade FROM enrolment JOIN x ON x.p = person_id
PIVOT enrolment ON person_id IN ('<ONE>') USING max(grade)
FROM enrolment PIVOT (max(grade) FOR person_id IN ('<ONE>'))
SUMMARIZE SELECT * EXCLUDE (sex) FROM enrolment WHERE person_id IN ('<ONE>')
SELECT grade FROM enrolment EXCEPT ALL SELECT grade FROM enrolment WHERE person_id <> '<ONE>'
SELECT person_id, grade FROM enrolment INTERSECT SELECT '<ONE>', unnest([0, 1, 2, 3, 4])
SELECT person_id FROM enrolment UNION BY NAME SELECT '<ONE>' AS person_id
SELECT wage FROM wages WHERE person_id = '<ONE>'
SELECT wage FROM wages WHERE person_id LIKE '<ONE>%'
SELECT wage FROM wages WHERE person_id IN ('<ONE>')
SELECT wage FROM wages WHERE person_id IN (VALUES ('<ONE>'))
SELECT wage FROM wages WHERE person_id = (SELECT '<ONE>')
SELECT wage FROM wages WHERE person_id = ANY (['<ONE>'])
SELECT wage FROM wages WHERE person_id BETWEEN '<ONE>' AND '<ONE>'
SELECT wage FROM wages WHERE person_id >= '<ONE>'
SELECT wage FROM wages WHERE NOT person_id <> '<ONE>'
SELECT wage FROM wages WHERE person_id IS NOT DISTINCT FROM '<ONE>'
SELECT wage FROM wages WHERE person_id::VARCHAR = '<ONE>'
SELECT wage FROM wages WHERE person_id || '' = '<ONE>'
SELECT wage FROM wages WHERE lower(person_id) = lower('<ONE>')
SELECT wage FROM wages WHERE hash(person_id) = 1
SELECT wage FROM wages WHERE hash(person_id) % 100 = 7
SELECT wage FROM wages WHERE md5(person_id) LIKE 'a%'
SELECT wage FROM wages WHERE starts_with(person_id, '<ONE>')
SELECT wage FROM wages WHERE prefix(person_id, '<ONE>')
SELECT wage FROM wages WHERE contains('<ONE>', person_id)
SELECT wage FROM wages WHERE '<ONE>' LIKE person_id
SELECT wage FROM wages WHERE person_id ^@ '<ONE>'
SELECT wage FROM wages WHERE person_id ~ '<ONE>'
SELECT wage FROM wages WHERE regexp_matches(person_id, '<ONE>')
SELECT wage FROM wages WHERE person_id SIMILAR TO '<ONE>'
SELECT wage FROM wages WHERE person_id GLOB '<ONE>*'
SELECT wage FROM wages WHERE length(person_id) > 3
SELECT wage FROM wages WHERE ascii(person_id) = 65
SELECT wage FROM wages WHERE person_id[1] = 'a'
SELECT wage FROM wages WHERE (person_id, year) = ('<ONE>', 2021)
SELECT wage FROM wages WHERE (person_id, year) IN (('<ONE>', 2021))
SELECT wage FROM wages WHERE {'a': person_id} = {'a': '<ONE>'}
SELECT wage FROM wages WHERE [person_id] = ['<ONE>']
SELECT wage FROM wages WHERE list_contains(['<ONE>'], person_id)
SELECT wage FROM wages WHERE ['<ONE>'] @> [person_id]
SELECT wage FROM wages WHERE [person_id] && ['<ONE>']
SELECT wage FROM wages WHERE MAP {person_id: 1}['<ONE>'] = 1
SELECT wage FROM wages WHERE coalesce(person_id, 'x') = '<ONE>'
SELECT wage FROM wages WHERE CASE person_id WHEN '<ONE>' THEN TRUE ELSE FALSE END
SELECT wage FROM wages WHERE CASE WHEN person_id = '<ONE>' THEN TRUE END
SELECT wage FROM wages WHERE if(person_id = '<ONE>', TRUE, FALSE)
SELECT wage FROM wages WHERE nullif(person_id, '<ONE>') IS NULL
SELECT wage FROM wages WHERE greatest(person_id, '<ONE>') = least(person_id, '<ONE>')
SELECT wage FROM wages WHERE levenshtein(person_id, '<ONE>') = 0
SELECT wage FROM wages WHERE try_cast(person_id AS UUID) = try_cast('<ONE>' AS UUID)
SELECT wage FROM wages WHERE person_id = (SELECT min(person_id) FROM wages)
SELECT wage FROM wages WHERE person_id = (SELECT max(person_id) FROM wages WHERE wage > 1000)
SELECT wage FROM wages WHERE person_id = (SELECT person_id FROM wages ORDER BY wage DESC LIMIT 1)
SELECT wage FROM wages WHERE person_id IN (SELECT x FROM (VALUES ('<ONE>')) v(x))
SELECT wage FROM wages WHERE EXISTS (SELECT 1 FROM (VALUES ('<ONE>')) v(x) WHERE x = person_id)
SELECT wage FROM wages WHERE person_id IN (SELECT unnest(['<ONE>']))
SELECT wage FROM wages WHERE person_id > (SELECT quantile_disc(person_id, 0.99) FROM wages)
SELECT wage FROM wages WHERE replace(person_id, '<ONE>', '') = ''
SELECT wage FROM wages WHERE instr('<ONE>', person_id) = 1
SELECT wage FROM wages WHERE position(person_id IN '<ONE>') = 1
SELECT wage FROM wages WHERE encode(person_id) = encode('<ONE>')
SELECT wage FROM wages WHERE hex(person_id) = hex('<ONE>')
SELECT wage FROM wages WHERE concat(person_id, year) = '<ONE>2021'
SELECT wage FROM wages WHERE format('{}', person_id) = '<ONE>'
SELECT wage FROM wages WHERE struct_pack(a := person_id).a = '<ONE>'
SELECT wage FROM wages WHERE row(person_id) = row('<ONE>')
SELECT wage FROM wages WHERE (person_id) = (('<ONE>'))
SELECT wage FROM wages WHERE bit_count(hash(person_id)) = 3
SELECT wage FROM wages WHERE 1 = (person_id = '<ONE>')::INT
SELECT wage FROM wages WHERE (person_id = '<ONE>') IS TRUE
SELECT wage FROM wages WHERE person_id NOT IN (SELECT person_id FROM wages WHERE person_id <> '<ONE>')
SELECT wage FROM wages WHERE jaccard(person_id, '<ONE>') = 1
SELECT wage FROM wages WHERE unicode(person_id) = 97
SELECT wage FROM wages WHERE left(person_id, 64) = '<ONE>'
SELECT wage FROM wages WHERE reverse(person_id) = reverse('<ONE>')
SELECT wage FROM wages WHERE translate(person_id, 'a', 'b') = translate('<ONE>', 'a', 'b')
SELECT wage FROM wages WHERE to_base64(encode(person_id)) = to_base64(encode('<ONE>'))
SELECT wage FROM wages WHERE array_position(['<ONE>'], person_id) = 1
SELECT wage FROM wages WHERE list_filter([person_id], lambda x: x = '<ONE>') <> []
SELECT wage FROM wages WHERE list_any_value([x for x in ['<ONE>'] if x = person_id]) IS NOT NULL
SELECT wage FROM wages WHERE list_aggregate([person_id], 'max') = '<ONE>'
