-- The held world in an agreement of rows with restricted columns: wages.town and firms.town may only
-- filter, wages.employer only joins, enrolment.sex is for groups. Questions are parted by empty lines.

SELECT person_id, year, quarter, wage FROM wages WHERE town = 'Ashford' ORDER BY person_id, year, quarter

SELECT year, avg(wage) AS mean FROM wages WHERE town IN ('Ashford', 'Putnam') GROUP BY year

SELECT year, avg(wage) FILTER (WHERE town = 'Ashford') AS ashford, avg(wage) FILTER (WHERE town = 'Putnam') AS putnam FROM wages GROUP BY year

SELECT w.person_id, w.wage, f.size FROM wages w JOIN firms f ON w.employer = f.employer AND f.person_id = w.person_id

SELECT f.size, avg(w.wage) AS mean FROM wages w JOIN firms f USING (employer) GROUP BY f.size

WITH ashford AS (SELECT DISTINCT person_id FROM wages WHERE town = 'Ashford')
SELECT e.district, count(*) AS n FROM enrolment e JOIN ashford USING (person_id) GROUP BY e.district

SELECT e.person_id, e.grade FROM enrolment e WHERE EXISTS (SELECT 1 FROM wages w WHERE w.person_id = e.person_id AND w.town = 'Putnam')

SELECT e.person_id, e.grade FROM enrolment e WHERE e.person_id NOT IN (SELECT person_id FROM wages WHERE town = 'Putnam')

SELECT person_id, wage, wage - lag(wage) OVER (PARTITION BY person_id ORDER BY year, quarter) AS change FROM wages WHERE town = 'Ashford'

SELECT e.district, w.wage FROM enrolment e LEFT JOIN wages w ON w.person_id = e.person_id

SELECT e.district, w.wage FROM enrolment e LEFT JOIN (SELECT * EXCLUDE (town, employer) FROM wages WHERE year = 2021) w USING (person_id)

SELECT * EXCLUDE (town, employer) FROM wages WHERE town LIKE 'A%' LIMIT 100

SELECT sex, count(*) AS n FROM enrolment GROUP BY sex

SELECT district, grade, school_year FROM enrolment WHERE school_year = 2021

SELECT e.sex, avg(w.wage) AS mean FROM enrolment e JOIN wages w USING (person_id) WHERE w.town = 'Ashford' GROUP BY e.sex

SELECT year, count(DISTINCT person_id) AS n FROM wages WHERE town <> 'Ashford' GROUP BY year HAVING count(*) > 5

SELECT person_id, count(*) AS quarters, sum(wage) AS pay FROM wages WHERE town = 'Ashford' AND year = 2021 GROUP BY person_id

SELECT w.industry, count(*) AS n FROM wages w JOIN firms f ON w.person_id = f.person_id WHERE w.town = f.town GROUP BY 1

SELECT w.industry, count(*) AS n FROM wages w JOIN firms f ON w.person_id = f.person_id AND w.town = f.town GROUP BY 1

WITH a AS (SELECT person_id, avg(wage) AS pay FROM wages WHERE town = 'Ashford' GROUP BY 1),
     b AS (SELECT person_id, avg(wage) AS pay FROM wages WHERE town = 'Putnam' GROUP BY 1)
SELECT avg(a.pay) AS ashford, (SELECT avg(pay) FROM b) AS putnam FROM a
