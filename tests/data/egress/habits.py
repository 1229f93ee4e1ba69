"""Outputs as analysts hand them in, bad and good, written without a look at how they are judged.

Each bad table with the code it must be stopped with, each bad text with words of its refusal. All
numbers, names and addresses are made up.
"""

BAD_TABLES = {
    "exact-deciles": (
        "redaction.percentiles",
        """\
institution,n,p10,p25,p50,p75,p90
Capital,311,18233,25510.5,33481,42118,55902
Gateway,402,17999,26102,35011.5,44400,58211.25
""",
    ),
    "dash-share": (
        "redaction.by-hand",
        """\
program,n,percent
Nursing,240,66.3
Dental,117,32.3
Mortuary,-,1.4
""",
    ),
    "cumulative": (
        "counts.implied",
        """\
months,cumulative_exits
3,140
6,211
9,214
12,260
""",
    ),
    "range-column": (
        "redaction.extremes",
        """\
county,children,age_range
Fairfield,211,0-17
Windham,14,3-4
Hartford,320,0-17
""",
    ),
    "stay-by-employer": (
        "counts.implied",
        """\
employer_code,apprentices,still_there
E01,211,160
E02,14,13
E03,97,60
""",
    ),
    "zip5-rate": (
        "counts.implied",
        """\
zcta,deliveries,percent_postpartum_visit
06010,412,71.4
06058,13,53.8
06069,17,88.2
""",
    ),
    "zero-earners": (
        "counts.implied",
        """\
group,youth,zero_earnings_pct
Foster home,120,30.8
Shelter,26,96.2
""",
    ),
    "top-losses": (
        "redaction.persons",
        """\
batch_item,loss,true,pred
4412,8.11,1,0.0003
10233,7.92,1,0.0004
871,7.15,0,0.9992
""",
    ),
    "survey-codes": (
        "context.columns",
        """\
Q12_1_TEXT,RECODE3,N
1,4,812
2,4,977
""",
    ),
    "row-taken-out": (
        "counts.implied",
        """\
county,children
Hartford,212
New Haven,190
Total,407
""",
    ),
    "crosstab-total": (
        "counts.small",
        """\
institution,Female,Male,Nonbinary,Total
Capital,120,98,3,221
Gateway,133,101,0,234
Housatonic,88,79,4,171
Total,341,278,7,626
""",
    ),
    "number-of": (
        "counts.small",
        """\
County,Number of graduates
Fairfield,220
Tolland,35
Windham,6
Litchfield,41
""",
    ),
    "headcount": (
        "counts.small",
        """\
program,headcount,mean_wage
Nursing,212,54321.22
Welding,87,48123.90
Dental Hygiene,7,61234.50
HVAC,64,51002.10
""",
    ),
    "hash-students": (
        "counts.implied",
        """\
school,# students,% employed
East High,145,71.2
West High,98,66.0
Alternative Academy,5,40.0
""",
    ),
    "n-unweighted": (
        "counts.small",
        """\
industry,N (unweighted),N (weighted)
Health,412,40120
Retail,233,22999
Mining,6,588
Farming,19,1820
""",
    ),
    "table-one": (
        "counts.small",
        """\
Characteristic,Overall (N=412),Treated (N=205),Control (N=207)
Female,231 (56.1%),118 (57.6%),113 (54.6%)
Male,181 (43.9%),87 (42.4%),94 (45.4%)
Foster care,7 (1.7%),4 (2.0%),3 (1.4%)
Homeless,12 (2.9%),5 (2.4%),7 (3.4%)
""",
    ),
    "fractions": (
        "counts.implied",
        """\
county,employed/all
Fairfield,120/150
Windham,6/11
Tolland,31/40
""",
    ),
    "km-nrisk": (
        "counts.small",
        """\
time,n.risk,n.event,survival,std.err,lower 95% CI,upper 95% CI
1,154,12,0.922,0.0216,0.881,0.966
2,98,9,0.837,0.0318,0.777,0.902
3,41,6,0.715,0.0533,0.618,0.827
4,7,2,0.511,0.1211,0.321,0.813
""",
    ),
    "stata-tab": (
        "counts.small",
        """\
cred,Freq.,Percent,Cum.
Certificate,188,57.14,57.14
Associate,132,40.12,97.26
Other,9,2.74,100.00
""",
    ),
    "words-some": (
        "counts.small",
        """\
county,graduates
Fairfield,200
Windham,four
Tolland,35
Hartford,144
""",
    ),
    "float-noise": (
        "counts.small",
        """\
county,n
Fairfield,200.0000001
Windham,4.0000001
Tolland,35.0000001
""",
    ),
    "implied-rate": (
        "counts.implied",
        """\
county,n,employment_rate
Fairfield,150,0.80
Windham,20,0.95
Tolland,40,0.775
""",
    ),
    "implied-unemployed": (
        "counts.implied",
        """\
Program,N,Unemployed (%)
Nursing,150,2.0
Welding,60,6.7
HVAC,64,12.5
""",
    ),
    "diff-hidden": (
        "counts.implied",
        """\
county,all_graduates,graduates_with_wages
Fairfield,150,120
Windham,41,38
Tolland,40,29
""",
    ),
    "one-row": (
        "counts.small",
        """\
measure,value
Graduates in Windham county with a farming job,4
""",
    ),
    "events": (
        "counts.small",
        """\
outcome,arm,events,total
Employed,treated,180,205
Dropped out,treated,4,205
Employed,control,171,207
Dropped out,control,9,207
""",
    ),
    "tidy-long-variable": (
        "counts.small",
        """\
county,variable,value
Fairfield,n,120
Fairfield,mean_wage,50123.2
Windham,n,4
Windham,mean_wage,61233.1
""",
    ),
    "label-n": (
        "counts.small",
        """\
county,mean_wage,n_label
Windham (n=4),61233.10,a
Tolland (n=35),50123.20,b
Fairfield (n=120),51230.90,c
""",
    ),
    "header-n": (
        "counts.small",
        """\
measure,Women (n=6),Men (n=60)
Mean wage,50123.22,51210.10
Share employed,0.67,0.70
""",
    ),
    "text-digits": (
        "counts.small",
        """\
county,graduates
Fairfield,٢٠٠
Windham,٤
Tolland,٣٥
Hartford,١٤٤
""",
    ),
    "pct-employed": (
        "counts.absent",
        """\
county,% employed
Fairfield,80.0
Windham,77.5
Tolland,71.3
""",
    ),
    "avg-wage": (
        "counts.absent",
        """\
institution,Average wage ($)
Capital,"51,234"
Gateway,"49,870"
Housatonic,"52,002"
""",
    ),
    "mean-sd-cell": (
        "counts.absent",
        """\
institution,Wage mean (SD)
Capital,51234.10 (12001.20)
Gateway,49870.30 (11873.44)
Housatonic,52002.90 (13110.02)
""",
    ),
    "per-thousand": (
        "counts.absent",
        """\
county,arrests per 1000
Fairfield,12.1
Windham,33.4
Tolland,9.8
""",
    ),
    "odds": (
        "counts.absent",
        """\
term,OR,CI lower,CI upper,p
Treated,1.41,1.12,1.77,0.003
Female,0.92,0.81,1.05,0.211
""",
    ),
    "corr": (
        "counts.absent",
        """\
,wage,age,credits
wage,1.0,0.31,0.22
age,0.31,1.0,-0.05
credits,0.22,-0.05,1.0
""",
    ),
    "crosstab-norm-col": (
        "counts.absent",
        """\
credential,Capital,Gateway
Certificate,34.2,40.1
Associate,61.0,55.2
Other,4.8,4.7
""",
    ),
    "growth": (
        "counts.absent",
        """\
county,wage growth 2023-24
Fairfield,3.2%
Windham,4.1%
Tolland,2.2%
""",
    ),
    "coef-stars": (
        "counts.absent",
        """\
variable,Model 1,Model 2
Treated,0.31***,0.29***
,(0.04),(0.05)
Female,-0.11,-0.10
,(0.06),(0.06)
""",
    ),
    "ssn-dots": (
        "redaction.persons",
        """\
county,n,note
Fairfield,120,078.05.1120
Tolland,35,
""",
    ),
    "email-in-note": (
        "redaction.persons",
        """\
county,n,comment
Fairfield,120,ask jane.doe@example.com about it
Tolland,35,ok
""",
    ),
    "name-columns": (
        "redaction.persons",
        """\
Student Name,Wage
Jane Doe,51234.22
John Roe,48123.10
Ann Poe,50012.90
""",
    ),
    "sasid": (
        "redaction.persons",
        """\
SASID,credits
1002003001,33
1002003002,41
1002003003,28
""",
    ),
    "student-id-sp": (
        "redaction.persons",
        """\
Student ID,credits
A001234,33
A001235,41
A001236,28
""",
    ),
    "hash-ids": (
        "redaction.persons",
        """\
pid_hash,wage
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b,51234
60303ae22b998861bce3b28f33eec1be758a213c,43123
""",
    ),
    "coords": (
        "redaction.persons",
        """\
latitude,longitude,n
41.76371,-72.68509,12
41.30815,-72.92816,14
""",
    ),
    "address-cells": (
        "redaction.persons",
        """\
site,n
12 Maple Street Apt 4,12
88 Oak Avenue,14
""",
    ),
    "phone-cells": (
        "redaction.persons",
        """\
contact,n
(860) 555-0143,12
203-555-0199,14
""",
    ),
    "col-name-id": (
        "redaction.persons",
        """\
county,student_000123456_wage,n
Fairfield,51234,120
Tolland,48123,35
""",
    ),
    "micro": (
        "counts.absent",
        """\
age,sex,race,town,wage
23,F,White,Vernon,51234.11
24,M,Black,Union,43122.98
31,F,Asian,Bolton,61233.20
28,M,White,Canton,39822.17
22,F,White,Derby,44120.03
""",
    ),
    "describe-rows": (
        "redaction.extremes",
        """\
statistic,wage
count,412
mean,51234.22
std,12033.10
min,1203.55
25%,42011.22
50%,50123.11
75%,60122.90
max,198223.10
""",
    ),
    "summary-R": (
        "redaction.extremes",
        """\
stat,value
Min.,1203.55
1st Qu.,42011.22
Median,50123.11
Mean,51234.22
3rd Qu.,60122.90
Max.,198223.10
""",
    ),
    "min-max-camel": (
        "redaction.extremes",
        """\
county,n,minWage,maxWage
Fairfield,120,1203.55,198223.10
Tolland,35,3412.10,88123.90
""",
    ),
    "top5": (
        "counts.absent",
        """\
rank,wage
1,198223.10
2,177120.45
3,166003.20
4,150231.77
5,149882.13
""",
    ),
    "cellword": (
        "redaction.by-hand",
        """\
county,n
Fairfield,120
Windham,fewer than 10
Tolland,35
Total,159
""",
    ),
    "dagger": (
        "redaction.by-hand",
        """\
county,n
Fairfield,120
Windham,s
Tolland,35
Total,159
""",
    ),
    "supp-pct": (
        "redaction.by-hand",
        """\
county,n,pct
Fairfield,120,75.5
Windham,,2.5
Tolland,35,22.0
Total,159,100.0
""",
    ),
    "npi": (
        "redaction.persons",
        """\
employer,ein,workers
Acme Health,06-1234567,120
Beta Retail,06-7654321,35
""",
    ),
    "guardian": (
        "redaction.persons",
        """\
Guardian,children
Jane Doe,12
John Roe,14
""",
    ),
    "tbl1-mean": (
        "counts.small",
        """\
Variable,Treated,Control
N,205,207
"Female, n (%)","118 (57.6)","113 (54.6)"
"Deaf, n (%)","3 (1.5)","5 (2.4)"
""",
    ),
    "decile": (
        "counts.absent",
        """\
decile,average_earnings
1,8123.22
10,98123.10
""",
    ),
    "max-age": (
        "redaction.extremes",
        """\
program,n,oldest
Nursing,120,61
Welding,41,58
""",
    ),
    "minq": (
        "redaction.extremes",
        """\
program,n,first_percentile,ninety_ninth_percentile
Nursing,120,1203.22,181233.10
Welding,41,2210.10,98120.00
""",
    ),
    "empname": (
        "redaction.persons",
        """\
employer_name,owner_name,workers
Acme,Jane Doe,44
Beta,John Roe,31
""",
    ),
    "people-cell": (
        "counts.small",
        """\
site,served
A,44 clients
B,5 clients
""",
    ),
    "rate-n": (
        "counts.implied",
        """\
site,clients,placement rate
A,144,0.91
B,61,0.97
""",
    ),
    "logrank": (
        "counts.small",
        """\
group,N,Observed,Expected
A,120,41,38.2
B,61,4,6.8
""",
    ),
    "mask": (
        "redaction.by-hand",
        """\
county,n
Fairfield,120
Windham,(D)
Tolland,41
Total,165
""",
    ),
    "minor": (
        "counts.implied",
        """\
county,total,adults,minors
Fairfield,150,120,30
Tolland,60,52,8
""",
    ),
    "cumul": (
        "counts.small",
        """\
grade,n,cumulative_n
A,120,120
B,61,181
C,3,184
""",
    ),
    "pc-n": (
        "counts.implied",
        """\
site,share
A,"72.1% (44)"
B,"55.6% (5)"
""",
    ),
    "kids-in-care": (
        "counts.small",
        """\
town,kids_in_care
Ashford,3
Bolton,41
Union,2
""",
    ),
    "who-died": (
        "counts.small",
        """\
provider,patients,died
A,230,1
B,415,12
""",
    ),
    "described-in-whole-numbers": (
        "redaction.extremes",
        """\
stat,wage
count,18452
mean,41230
min,12
max,1204300
""",
    ),
    "post-code-of-nine-digits": (
        "redaction.persons",
        """\
zip9,households
06103-1234,12
06105-9876,31
""",
    ),
    "falls-beside-residents": (
        "counts.small",
        """\
facility,residents,falls
Elm House,41,3
Oak Home,60,11
""",
    ),
    "all-but-a-few-still-enrolled": (
        "counts.implied",
        """\
cohort,n,still_enrolled
2019,1200,1196
2020,1100,880
""",
    ),
    "dates-of-death": (
        "redaction.persons",
        """\
date_of_death,age,sex,cause
2023-02-11,34,F,overdose
2023-03-02,41,M,overdose
""",
    ),
    "licence-plates": (
        "redaction.persons",
        """\
license_plate,speed
AB12345,71
CD67890,66
""",
    ),
    "entries-by-month": (
        "counts.small",
        """\
month,foster_entries
2023-01,4
2023-02,9
2023-03,15
""",
    ),
    "nearly-all-positive": (
        "counts.implied",
        """\
clinic,n,positive
East,220,218
West,300,12
""",
    ),
    "case-numbers": (
        "redaction.persons",
        """\
caseid,outcome
20211,1
20212,0
""",
    ),
}
GOOD_TABLES = {
    "precision-recall": """\
threshold,pairs_reviewed,precision,recall
0.80,2000,0.951,0.992
0.85,2000,0.973,0.981
0.90,2000,0.989,0.955
""",
    "runtime": """\
stage,seconds,gigabytes
read,14.2,1.1
block,61.0,4.4
score,211.7,7.9
write,9.1,2.0
""",
    "cip-crosswalk": """\
cip,program
51.3801,Nursing
48.0508,Welding
12.0401,Cosmetology
""",
    "cpi": """\
year,cpi_u
2018,251.1
2019,255.7
2020,258.8
2021,271.0
2022,292.7
""",
    "grid-search": """\
max_depth,min_samples_leaf,learning_rate,students,auc
3,50,0.05,24118,0.79
6,50,0.05,24118,0.81
9,100,0.01,24118,0.80
""",
    "loss-curve": """\
epoch,train_loss,validation_loss
1,0.512,0.498
2,0.441,0.430
3,0.419,0.422
""",
    "probit": """\
variable,marginal_effect,std_err,z,n
age,0.004,0.001,4.00,2038
union program,0.083,0.019,4.37,2038
""",
    "km-coarse": """\
months,at_risk,events,survival
0,21400,0,1.00
6,19811,1589,0.93
12,17902,1909,0.84
18,16011,1891,0.75
""",
    "completion": """\
start_year,apprentices,completed,still_enrolled,left
2017,1204,702,31,471
2018,1188,690,88,410
2019,1251,655,190,406
""",
    "table1": """\
Characteristic,All (N=36075),Rural (N=4911)
Age under 20,"2,120 (5.9%)",322 (6.6%)
Age 20-34,"27,301 (75.7%)","3,702 (75.4%)"
Age 35+,"6,654 (18.4%)",887 (18.1%)
""",
    "earn-bands": """\
earnings_at_21,youth
none,811
1 to 9999,402
10000 to 19999,377
20000 and more,225
""",
    "rounded5": """\
county,graduates
Fairfield,220
Hartford,145
New Haven,130
Litchfield,35
Tolland,40
""",
    "rounded-share": """\
county,n,percent
Fairfield,220,43.1
Hartford,145,28.4
New Haven,105,20.6
Litchfield,40,7.8
""",
    "rounded-mean": """\
institution,n,mean_wage
Capital,120,51200
Gateway,135,49100
Housatonic,95,52300
Asnuntuck,60,50100
""",
    "rounded-crosstab": """\
institution,Female,Male,Total
Capital,120,100,220
Gateway,135,100,235
Housatonic,90,80,170
""",
    "n-pct-cells": """\
Characteristic,Overall (N=412),Treated (N=205),Control (N=207)
Female,231 (56.1%),118 (57.6%),113 (54.6%)
Male,181 (43.9%),87 (42.4%),94 (45.4%)
Foster care,61 (14.8%),30 (14.6%),31 (15.0%)
""",
    "employed-n-N": """\
county,graduates,employed,rate
Fairfield,220,176,0.80
Hartford,144,111,0.77
New Haven,131,98,0.75
""",
    "survival": """\
time_quarters,at_risk,events,survival
0,412,0,1.000
4,380,32,0.922
8,333,40,0.811
12,270,51,0.658
""",
    "reg-table": """\
term,coefficient,std_error,p_value,n,df
Intercept,10.21,0.11,0.000,412,408
Nursing,0.31,0.04,0.000,412,408
Welding,0.22,0.06,0.001,412,408
""",
    "ttest": """\
comparison,n_treated,n_control,difference,t_stat,p_value
treated - control,205,207,1203.2,2.41,0.016
""",
    "growth": """\
county,n,growth_pct
Fairfield,220,3.2
Hartford,144,-4.1
Litchfield,35,2.2
""",
    "ci": """\
arm,n,employed,proportion,ci_lower,ci_upper
treated,205,146,0.712,0.646,0.770
control,207,136,0.657,0.589,0.719
""",
    "thousand-sep": """\
county,workers,total_pay
Fairfield,"1,220","$61,220,000"
Hartford,"1,144","$57,100,000"
Litchfield,135,"$6,750,000"
""",
    "naics": """\
naics,industry,workers
11,Agriculture,41
23,Construction,120
62,Health care,412
72,Food services,203
""",
    "cip": """\
cip_code,program,completers
51.3801,Nursing,182
48.0508,Welding,47
12.0503,Culinary,58
""",
    "fips": """\
county_fips,county,graduates
09001,Fairfield,220
09003,Hartford,144
09005,Litchfield,35
""",
    "districtnum": """\
district_id,district_name,students
15,Bridgeport,1903
64,Hartford,1744
93,New Haven,1820
""",
    "hours": """\
industry,workers,avg_hours
Health,412,36
Retail,203,24
Finance,61,39
""",
    "event-study": """\
quarter,coefficient,std_error,n
-4,0.01,0.02,4120
-3,0.00,0.02,4120
-2,-0.01,0.02,4120
0,0.05,0.02,4120
1,0.07,0.02,4120
2,0.08,0.02,4120
""",
    "stock-flow": """\
county,hires,separations,employment
Fairfield,120,110,1220
Hartford,88,92,1144
""",
    "campuses": """\
institution,campuses,graduates
Capital,1,121
Gateway,2,133
Three Rivers,3,96
""",
    "time-of-day": """\
claim_week,claims,mean_benefit
2024-01-06,112,412.20
2024-01-13,98,420.11
2024-01-20,104,415.02
""",
    "confusion": """\
actual,predicted_employed,predicted_not
employed,310,22
not,41,81
""",
    "note-col": """\
county,n,note
Fairfield,220,includes 3 campuses
Hartford,144,
Litchfield,35,one campus closed in 2022
""",
    "d": """\
cohort,entered,completed_2yr,completed_3yr
2018,412,130,221
2019,398,141,230
""",
    "h": """\
,n,mean,sd
wage,412,51234.2,12033.1
age,412,24.1,4.0
""",
    "k": """\
region,students,attendance_rate,chronic_absence_rate
North,412,0.941,0.121
South,388,0.952,0.110
""",
    "n": """\
bin,n
0-9999,120
10000-19999,203
20000-29999,141
30000+,66
""",
    "o": """\
stage,kept,dropped
Raw,41200,0
With wage,39880,1320
Adults,38120,1760
""",
    "p": """\
county,teachers,students,students_per_teacher
Fairfield,412,5120,12.4
Hartford,380,4812,12.7
""",
    "s": """\
quantile_group,n,mean_wage
1,103,18120
2,103,31220
3,103,45510
4,103,80120
""",
    "x": """\
household_size,households
1,120
2,203
3,141
4,88
5 or more,61
""",
    "z": """\
jobs_held,workers
1,812
2,203
3,61
""",
    "v": """\
town,n,lat_band
Vernon,120,north
Union,31,north
""",
    "shares-kept": """\
group,retained,n
Aided,0.81,2300
Not aided,0.74,5100
""",
    "industries-as-ranges": """\
NAICS,workers,avg_weekly_wage
62,3300,1002
44-45,4120,554
23,870,921
""",
    "visits-and-patients": """\
county,visits,patients
Fairfield,5200,1300
Hartford,6100,1500
""",
    "sizes-of-households": """\
household_size,households
1,5200
2,6100
3,3300
4,3100
5,1400
""",
    "agencies-of-programs": """\
program,agencies,participants
WIOA,5,3100
TANF,4,2900
SNAP E&T,6,1400
""",
    "jobs-and-more": """\
number_of_jobs,people
1,8200
2,3100
3+,640
""",
    "steps-of-selection": """\
step,rule,records_left
1,all deliveries,240310
2,valid dates,239870
3,one per person,182200
""",
    "classes-of-districts": """\
district,classes,pupils
A,120,2400
B,88,1700
""",
    "specifications": """\
specification,controls,estimate,standard_error,observations
1,none,0.31,0.01,18452
2,demographics,0.28,0.01,18452
3,plus school,0.22,0.02,18440
""",
}
BAD_TEXTS = {
    "tree-leaves.txt": (
        "fewer than 10",
        """\
|--- gpa <= 2.13
|   |--- credits <= 9.00
|   |   |--- class: left (samples = 4)
|   |--- credits >  9.00
|   |   |--- class: stayed (samples = 38)
|--- gpa >  2.13
|   |--- age <= 44.50
|   |   |--- class: stayed (samples = 911)
|   |--- age >  44.50
|   |   |--- class: left (samples = 2)
""",
    ),
    "tree-rpart.txt": (
        "counts below",
        """\
n= 955
node), split, n, loss, yval, (yprob)
      * denotes terminal node
1) root 955 211 stayed (0.2209 0.7791)
  2) gpa< 2.13 42 18 left (0.571 0.429)
    4) credits< 9 5 0 left (1.000 0.000) *
    5) credits>=9 37 18 left (0.514 0.486) *
  3) gpa>=2.13 913 187 stayed (0.205 0.795) *
""",
    ),
    "confusion-text.txt": (
        "counts below",
        """\
Confusion matrix (test fold):
[[811   9]
 [  4 131]]
Accuracy 0.986, recall of leavers 0.970.
""",
    ),
    "latex-table.txt": (
        "counts below",
        """\
\\begin{tabular}{lrr}
\\toprule
Town & Removed & Reunified \\\\
\\midrule
Hartford & 212 & 140 \\\\
Union & 3 & 1 \\\\
Canaan & 2 & 2 \\\\
\\bottomrule
\\end{tabular}
""",
    ),
    "loop-log.txt": (
        "counts below",
        """\
[1] Fairfield: 4,211 rows read, 4,190 matched
[2] Hartford: 5,002 rows read, 4,998 matched
[3] Windham: 71 rows read, 68 matched
[4] Union: 5 rows read, 3 matched
Done in 14.2 s
""",
    ),
    "masked-in-note.txt": (
        "fewer than 10",
        """\
Suppressed cells: Windham x Black = 3; Tolland x Native = 1.
""",
    ),
    "text-shares.md": (
        "fewer than 10",
        """\
Of the 46 pupils in the pilot, 93.5 % came back after a year; the three others moved out of state.
""",
    ),
    "strike-html.md": (
        "counts below",
        """\
| town | children |
|---|---|
| Hartford | 212 |
| Bolton | ~~4~~ |
| Union | ~~2~~ |
| New Haven | 190 |
""",
    ),
    "elasticities.txt": (
        "printed values",
        """\
Mean wages: Nursing $61,200.41; Welding $48,050.92; Mortuary $71,225.50; Hair $28,911.07.
""",
    ),
    "influence-list.txt": (
        "printed values",
        """\
Cook's distance > 4/n
obs 211  0.041  wage 311904
obs 387  0.032  wage 288120
obs 902  0.029  wage 412
""",
    ),
    "traceback-row.txt": (
        "number or address",
        """\
Traceback (most recent call last):
  File "merge.py", line 12, in merge
    raise KeyError(row)
KeyError: {'person_id': 'a81b2c', 'first': 'Maria', 'last': 'Lopez', 'dob': '2009-04-11'}
""",
    ),
    "code-drop-ids.r": (
        "number or address",
        """\
dat <- subset(dat, !(student_id %in% c(1023311, 1023877, 1029912, 1030021, 1031177)))
summary(dat)
""",
    ),
    "code-fix-one.do": (
        "number or address",
        """\
* Maria Lopez of Bolton has a wrong birth date
replace dob = date("2009-04-11","YMD") if id == 4412
""",
    ),
    "sql-in-list.sql": (
        "number or address",
        """\
SELECT * FROM wages WHERE person_id IN ('8f21a0c3-1b','19bc2d44-2c','77ac19e0-91');
""",
    ),
    "perfect-prediction.txt": (
        "fewer than 10",
        """\
note: hiv != 0 predicts failure perfectly
      hiv dropped and 3 obs not used

Logistic regression                     Number of obs =    537
""",
    ),
    "flow.txt": (
        "counts below",
        """\
Assessed: 1,204
Excluded: 92
  - moved: 81
  - died: 3
  - refused: 8
Analysed: 1,112 pupils
""",
    ),
    "failing-row.txt": (
        "failed on",
        """\
pyarrow.lib.ArrowInvalid: Could not convert 'Devon Mills' with type str: tried to convert to int64
row 48122, column guardian_name
""",
    ),
    "lgbm-dump.txt": (
        "fewer than 10",
        """\
tree=0
leaf_value=0.11 -0.08 0.31
leaf_count=512 7 93
split_feature=gpa balance
""",
    ),
    "prompt-example.txt": (
        "fewer than 10",
        """\
Example 1: Student aged 19, Putnam, balance $4,211.07, two courses failed -> late
Example 2: Student aged 44, Norfolk, balance $312.50, none failed -> on time
""",
    ),
    "prose-pct.md": (
        "fewer than 10",
        """\
Among 64 rural members, 4.7 % were readmitted, against 2.1 % of 15,020 urban members.
""",
    ),
    "nine-pupils.md": (
        "fewer than",
        """\
# Findings

In Union, nine pupils took the bus and left school early.
""",
    ),
    "only-three.txt": (
        "fewer than",
        """\
Most graduates found work. Only three graduates of the dental program were unemployed.
""",
    ),
    "n-eq-4.md": (
        "fewer than",
        """\
The effect is largest in Windham (n = 4), where wages doubled.
""",
    ),
    "two-students.md": (
        "fewer than",
        """\
Two students in Farming left the state in 2021.
""",
    ),
    "smallgroup-women.md": (
        "fewer than",
        """\
Of all graduates, 5 women and 3 men went into mining.
""",
    ),
    "a-single.md": (
        "fewer than",
        """\
A single student from Ashford earned more than anyone else.
""",
    ),
    "one-of.md": (
        "fewer than",
        """\
Of the 9 participants, 8 finished.
""",
    ),
    "max-prose.md": (
        "largest or smallest",
        """\
The highest wage was $198,223.10, earned in Greenwich.
""",
    ),
    "min-prose.md": (
        "largest or smallest",
        """\
Wages ranged from $1,203.55 to $198,223.10.
""",
    ),
    "dob-prose.md": (
        "one person",
        """\
One record: DOB 03/04/1999, town Union.
""",
    ),
    "ssn-label.md": (
        "one person",
        """\
SSN: 078051120 was dropped because of a wrong wage.
""",
    ),
    "email-prose.md": (
        "one person",
        """\
The student jane.doe1999@example.com did not answer.
""",
    ),
    "coords-prose.md": (
        "one person",
        """\
The student's home is at 41.76371, -72.68509.
""",
    ),
    "r-lm.txt": (
        "largest or smallest",
        """\
Call:
lm(formula = wage ~ age + female, data = d)

Residuals:
   Min     1Q Median     3Q    Max
-32011  -4021    -88   3812  98211

Coefficients:
            Estimate Std. Error t value Pr(>|t|)
(Intercept) 12031.22    1003.22   11.99  < 2e-16 ***
age           212.33      33.21    6.39 2.1e-10 ***
female       -812.33     301.22   -2.70  0.00713 **

Residual standard error: 8123 on 409 degrees of freedom
""",
    ),
    "r-summary.txt": (
        "largest or smallest",
        """\
      wage
 Min.   :  1204
 1st Qu.: 42011
 Median : 50123
 Mean   : 51234
 3rd Qu.: 60123
 Max.   :198223
""",
    ),
    "head-df.md": (
        "printed",
        """\
Here is the head of the data:

      town  age  wage
0    Union   23  51234.11
1   Vernon   24  43122.98
2   Bolton   31  61233.20
""",
    ),
    "md-table-2rows.md": (
        "counts below",
        """\
| county | graduates |
|---|---|
| Fairfield | 120 |
| Windham | 4 |
""",
    ),
    "bullets-small.md": (
        "counts below",
        """\
Graduates per county:

- Fairfield: 120
- Windham: 4
- Tolland: 35
""",
    ),
    "sentence-list.md": (
        "counts below",
        """\
Graduates: Fairfield 120, Windham 4, Tolland 35, Hartford 144.
""",
    ),
    "base64-split.py": (
        "nobody can read",
        """\
DATA = (
    "Y291bnR5LHdhZ2UKRmFpcmZpZWxkLDUxMjM0LjExCl"
    "VuaW9uLDQzMTIyLjk4CkJvbHRvbiw2MTIzMy4yMApD"
    "YW50b24sMzk4MjIuMTcKRGVyYnksNDQxMjAuMDMKRX"
    "NzZXgsNDEyMDMuMTEKR3JhbmJ5LDUwMTIzLjk5Ckhh"
)
""",
    ),
    "hex.py": (
        "nobody can read",
        """\
D = bytes.fromhex('636f756e74792c776167650a466169726669656c642c35313233342e31310a')
""",
    ),
    "ids-in-code.R": (
        "one person",
        """\
# drop bad records
d <- subset(d, !(sasid %in% c(1002003001, 1002003002, 1002003003)))
""",
    ),
    "name-in-comment.do": (
        "one person",
        """\
* drop Jane Doe (DOB 3/4/1999)
drop if id==123
""",
    ),
    "small-in-comment.py": (
        "fewer than",
        """\
# Windham has only 4 graduates, so merge it with Tolland
x = 1
""",
    ),
    "output-comment.R": (
        "printed",
        """\
table(d$county)
##
## Fairfield   Windham   Tolland
##       120         4        35
""",
    ),
    "vector-wages.R": (
        "printed",
        """\
w <- c(51234.11, 43122.98, 61233.20, 39822.17, 44120.03, 50123.99, 41203.11, 38811.20)
""",
    ),
    "lookup.sql": (
        "printed",
        """\
INSERT INTO t VALUES ('Union', 51234.11), ('Vernon', 43122.98), ('Bolton', 61233.20);
""",
    ),
    "where-person.sql": (
        "one person",
        """\
SELECT wage FROM wages WHERE person_id = 'A0012345678' ;
""",
    ),
    "notebook-as-py.py": (
        "notebook",
        """\
{"cells":[{"cell_type":"code","outputs":[{"text":["Windham 4"]}]}]}
""",
    ),
    "jupytext.py": (
        "printed",
        """\
# %%
df.head()
# +
# Out[3]:
#    town  wage
# 0  Union  51234.11
# 1  Vernon  43122.98
# 2  Bolton 61233.20
# 3  Canton 39822.17
""",
    ),
    "w9.md": (
        "counts below",
        """\
Clients served:

* Hartford: 44
* Union: 5
* Vernon: 31
""",
    ),
    "w15.md": (
        "fewer than",
        """\
Kaplan-Meier, last interval: at risk 4, events 1.
""",
    ),
    "w16.md": (
        "fewer than",
        """\
Two families with five children each moved away.
""",
    ),
    "w17.md": (
        "fewer than",
        """\
A total of eight girls took physics.
""",
    ),
    "w18.md": (
        "fewer than",
        """\
There were fewer boys (4) than girls (31) in welding.
""",
    ),
    "w10.txt": (
        "rows of a table",
        """\
count    412.000000
mean   51234.220000
std    12033.100000
min     1203.550000
max   198223.100000
Name: wage, dtype: float64
""",
    ),
    "top-earner.txt": (
        "largest",
        """\
The top earner in the sample made 1.2 million dollars and works for a hospital in Hartford.
""",
    ),
    "the-one-who.txt": (
        "fewer than 10",
        """\
Among Asian men in Tolland the one who left the program earned $18,400 afterwards.
""",
    ),
    "one-student-who.txt": (
        "fewer than 10",
        """\
One student, who transferred from Hall High in March, accounts for the entire decline.
""",
    ),
    "second-of-two.txt": (
        "largest",
        """\
Minimum wage observed: $1,204; maximum observed wage: $1,204,300 (a surgeon).
""",
    ),
}
GOOD_TEXTS = {
    "results-md.md": """\
# Findings

Graduates of nursing programs earned a mean of $61,200 (n = 240), graduates of welding programs
$48,100 (n = 61).
Women earned 11 % less than men with the same credential (95 % CI 7 to 15 %).

| Program | Completers | Mean wage |
|---|---:|---:|
| Nursing | 240 | 61,200 |
| Welding | 61 | 48,100 |
| Cosmetology | 130 | 28,900 |

Programs with fewer than 11 completers are not shown.
""",
    "stargazer-tex.txt": """\
\\begin{tabular}{lcc}
\\hline
 & (1) & (2) \\\\
\\hline
Female & $-$0.110$^{***}$ & $-$0.098$^{***}$ \\\\
 & (0.021) & (0.020) \\\\
Age & & 0.012$^{***}$ \\\\
 & & (0.001) \\\\
\\hline
Observations & 12,040 & 12,040 \\\\
R$^{2}$ & 0.041 & 0.312 \\\\
\\hline
\\end{tabular}
""",
    "readme.txt": """\
Order of running

1. clean.py reads the wage view and keeps four quarters.
2. models.R fits the three specifications of table 4.
3. tables.do writes the CSV files.

Python 3.11, R 4.2.2, Stata 17.
""",
    "flow-good.txt": """\
Pupils in third grade, 2017 to 2021: 191,204
No score: 4,120
No address: 1,911
In the analysis: 185,173 pupils
""",
    "equation.md": """\
We estimate score = b1 moves + school and year effects, with errors clustered in 512 schools. Two
schools opened in 2019 and one closed. Three cohorts took the test on paper.
""",
    "slides-text.md": """\
# Leaving care at 18

- About half of the 1,815 youth had a job at 21.
- Those who stayed to 21 earned 23 % more (95 % CI 15 to 31 %).
- One in five had no recorded wages between 18 and 21.

Next: what do three more months of support change?
""",
    "architecture.md": """\
Two hidden layers of 64 and 32 units, dropout 0.3, batch size 256, Adam with a rate of 0.001. Five
seeds; the standard deviation of the AUC over them is 0.004. Training on 96,472 students took nine
minutes.
""",
    "changelog.txt": """\
1.4 unit numbers are kept
1.3 rural routes, 2 new street types
1.2 seven tests for post boxes
""",
    "unit-tests.py": """\
def test_street_types():
    assert clean('12 elm st') == '12 ELM STREET'
    assert clean('4 oak ln apt 3') == '4 OAK LANE 3'
""",
    "model-md.md": """\
# Model card

Gradient boosting with 400 trees of depth 6, at least 50 students a leaf, learning rate 0.05.
Trained on 96,472 students who entered 2015 to 2020, tested on 24,118 who entered 2021 and 2022.
AUC 0.802 (95 % CI 0.795 to 0.809).

Not for decisions about individual students.
""",
    "readme.md": """\
# Graduate outcomes

Version 1.2, 14 March 2026. Contact: Office of Research, (860) 555-0100.

## 1 Data

We use wage records of 2019 to 2023 (20 quarters) of 3 agencies. Section 2.1 says how they were
linked.

## 2 Methods

### 2.1 Linkage

Records were linked with a threshold of 0.95; 97.2% of 41,200 records found a match.
Cells with fewer than 11 people are not shown. At least 10 students are behind every mean.

## 3 Results

Of 412 graduates, 330 (80.1%) were employed after 4 quarters. The gap closed by 2.3 percentage
points.
""",
    "threshold.md": """\
Groups of fewer than 10 people were merged. No cell describes fewer than eleven students; each
has at least 11 graduates or is suppressed.
""",
    "no-fewer.txt": """\
Every cell holds no fewer than 10 workers. Where 5 or fewer employers are in a cell it was merged.
""",
    "two-groups.txt": """\
We compare two groups of students and three cohorts of graduates. Five counties and 2 colleges
take part. Two reviewers checked the code.
""",
    "per-ten.txt": """\
About 8 of 10 graduates found work; 7 in 10 students stayed in the state. One in five workers
changed jobs.
""",
    "person-general.txt": """\
A student may have several rows; one person is counted once. Each worker has one employer per
quarter.
""",
    "grades.txt": """\
Students in grades 3 to 8 were tested twice. Grade 4 students took the test in 2 sessions. Year
1 graduates are left out.
""",
    "phone.txt": """\
Questions: Office of Policy, 450 Capitol Avenue, Hartford, CT 06106, 860-555-0100,
research@example.gov.
""",
    "codebook.md": """\
# Codebook

| variable | meaning |
|---|---|
| county | county of the college |
| n | graduates, rounded |
| mean_wage | mean of yearly wages |
""",
    "py.py": """\
\"\"\"Clean wage records.\"\"\"
import pandas as pd

THRESHOLD = 11
YEARS = range(2019, 2024)
BANDS = [0, 10000, 20000, 30000, 50000, 100000]

def bands(df: pd.DataFrame) -> pd.DataFrame:
    # groups of fewer than 11 people are merged below
    df["band"] = pd.cut(df["wage"], BANDS)
    return df.groupby(["county", "band"]).agg(n=("person_id", "nunique"), mean=("wage", "mean"))

if __name__ == "__main__":
    print("done")
""",
    "r.R": """\
# log wages on credential
library(fixest)
set.seed(20240111)
d <- subset(d, year >= 2019 & year <= 2023 & age >= 16)
d$band <- cut(d$wage, breaks = c(0, 1e4, 2e4, 5e4, Inf))
m <- feols(log(wage) ~ credential + age + I(age^2) | county + year, data = d, cluster = ~school)
etable(m, digits = 3)
""",
    "stata.do": """\
* main model
use wages, clear
keep if inrange(year, 2019, 2023)
gen lw = log(wage)
areg lw i.credential age c.age#c.age, absorb(county) cluster(school)
""",
    "naics-map.py": """\
SECTORS = {
    "11": "Agriculture", "23": "Construction", "31": "Manufacturing",
    "44": "Retail", "52": "Finance", "62": "Health care", "72": "Food services",
}
CPI = {2019: 255.7, 2020: 258.8, 2021: 271.0, 2022: 292.7, 2023: 304.7}
DOLLARS = 2023
""",
    "tenure.md": """\
On average graduates had 2.3 jobs and 9 workers per firm was the median size. Teachers had 5
students per tutor on average.
""",
    "hash.md": """\
Code version 3f2c0b1a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a, Python 3.11.8, pandas 2.2.1, statsmodels
0.14.1.
""",
    "findings.md": """\
Employment rose from 71.2% to 74.8% between 2019 and 2023 (N = 4,120). The mean wage of the 412
graduates was $51,200 in 2023 dollars.
The coefficient of a credential is 0.081 (s.e. 0.021, p < 0.001, n = 4,120).
""",
    "2.md": """\
Students who are 16 or 17 years old, and those with fewer than 3 credits, are left out. Every
group has at least ten people.
""",
    "3.md": """\
Workers hold 1.4 jobs on average; 6 percent of workers hold three or more jobs. Two thirds of
graduates stayed.
""",
    "5.md": """\
Cells of 1 to 9 people are hidden; the threshold is 10 persons (5 employers).
""",
    "6.md": """\
The lowest mean wage was $41,230 (Tolland, n = 120) and the highest was $58,120 (Fairfield, n =
220).
""",
    "10.md": """\
1. Introduction
2. Data
3. Methods
4. Results

Pages: 12
Tables: 4
Figures: 3
""",
    "11.md": """\
Employment rates (n in brackets): women 78.2% (412), men 75.1% (388).
""",
    "12.md": """\
The federal minimum wage of $7.25 and the state minimum of $15.69 are shown as lines.
""",
    "13.md": """\
We thank three anonymous reviewers and two colleagues. Four analysts coded the answers.
""",
    "top-quintile.md": """\
Earnings of the top earners' quintile grew by 12 percent; those of the lowest
quintile by 3 percent. The lowest worker protections index is found in 4 of 50 states.
""",
    "one-exception.md": """\
### Limits

The match rate is 94 percent. People who moved out of state are not seen.
The one exception is 2020, when four agencies reported late.
""",
}
