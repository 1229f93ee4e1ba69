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
