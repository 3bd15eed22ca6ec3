//! The promises of the crate, on small seeds: false alarms within their budget, sooner than timers that
//! raise as many, one finding on a holiday, outages found and not learned, lines that come back.

use crate::{
    Cadence, FormError, Gather, HOUR, Heard, History, Hour, MAX_BYTES, MINUTE, NotYet, Options,
    Recent, Sickness, Sign, Wait, fit, fit_site, judge_series, pace,
    testgen::{Curve, DAY, Holiday, Method, START, Site, Tally, site},
};

/// The figures of `method` on four sites.
fn judged(sites: &[Site], method: Method) -> (Curve, Tally) {
    let mut tally = Tally::default();
    for site in sites {
        site.judge(method, 10, &mut tally);
    }
    (tally.curve(method), tally)
}

fn four_sites() -> Vec<Site> {
    (1..=4)
        .map(|seed| Site::new(seed, Holiday::People))
        .collect()
}

#[test]
fn false_alarms_keep_to_a_twentieth_a_month_and_come_sooner_than_those_of_timers() {
    let sites = four_sites();
    let (ours, tally) = judged(&sites, Method::Learned(crate::BUDGET));
    assert!(ours.rate <= 0.05, "{ours:?}");
    assert!(tally.not_judged <= 1, "{} not judged", tally.not_judged);
    assert!(
        tally.holiday_findings.iter().all(|found| *found <= 1),
        "{tally:?}"
    );
    let curve: Vec<Curve> = [0.1, 0.5, 1.0]
        .map(|budget| judged(&sites, Method::Learned(budget)).0)
        .into();
    let peers = [
        Method::LongestGap(1.0),
        Method::LongestGap(1.25),
        Method::Timer(48.0),
        Method::Timer(72.0),
    ];
    for method in peers {
        let (theirs, _) = judged(&sites, method);
        let mut all = curve
            .iter()
            .chain([&ours])
            .filter(|ours| ours.rate <= theirs.rate);
        let sooner = all.any(|ours| ours.p50 < theirs.p50 && ours.p90 < theirs.p90);
        assert!(sooner, "{ours:?} {curve:?} {theirs:?}");
    }
    let (timer, _) = judged(&sites, Method::Timer(24.0));
    assert!(
        timer.rate > 1.0,
        "the timer that people set raises {}",
        timer.rate
    );
}

#[test]
fn a_holiday_that_takes_everything_is_one_finding_a_site_at_most() {
    let sites: Vec<Site> = (1..=4)
        .map(|seed| Site::new(seed, Holiday::Everything))
        .collect();
    let (_, tally) = judged(&sites, Method::Learned(crate::BUDGET));
    assert_eq!(tally.holiday_findings.len(), 12);
    assert!(
        tally.holiday_findings.iter().all(|found| *found <= 1),
        "{:?}",
        tally.holiday_findings
    );
}

/// A source that ticks every ten minutes of the working day.
fn office(days: i64) -> Vec<i64> {
    let mut ticks = Vec::new();
    for day in (0..days).filter(|day| day % 7 < 5) {
        for slot in 0..60 {
            let wobble = (day * 7 + slot * 13) % 9;
            ticks.push(START + day * DAY + 8 * HOUR + (slot * 10 + wobble) * MINUTE);
        }
    }
    ticks
}

#[test]
fn the_same_silence_is_long_at_work_and_short_at_night() {
    let history = History::from_arrivals(office(42));
    let cadence = fit(&history, &Options::default()).unwrap();
    assert!(cadence.is_office_shaped());
    let monday = START + 42 * DAY;
    let at_ten = cadence.alarm_at(monday + 10 * HOUR, 1.0).unwrap() - (monday + 10 * HOUR);
    let friday = START + 39 * DAY + 18 * HOUR;
    let at_six = cadence.alarm_at(friday, 1.0).unwrap();
    assert!(at_ten < 2 * HOUR, "{} min", at_ten / MINUTE);
    assert!(
        at_six > monday + 7 * HOUR,
        "not before work begins on Monday"
    );
    assert!(at_six < monday + 13 * HOUR);
    let slow = cadence.alarm_at(monday + 10 * HOUR, 0.1).unwrap();
    assert!(
        slow > monday + 10 * HOUR + 3 * at_ten,
        "slow peers give time"
    );
    assert!(cadence.expected_by(friday).unwrap() <= at_six);
}

#[test]
fn a_wait_counted_in_pieces_tells_when_a_whole_one_does() {
    let cadence = fit(&History::from_arrivals(office(42)), &Options::default()).unwrap();
    let last = START + 42 * DAY + 9 * HOUR;
    let whole = cadence.alarm_at(last, 0.5).unwrap();
    let mut wait = Wait::since(last);
    for step in 1..60 {
        wait.pass(&cadence, last + step * 7 * MINUTE, 0.5);
        let told = cadence.alarm_after(&wait, 0.5).unwrap();
        assert!(
            (told - whole).abs() <= 2 * MINUTE,
            "step {step}: {} min off",
            (told - whole) / MINUTE
        );
    }
}

#[test]
fn an_outage_is_told_once_and_not_learned() {
    let outage = (START + 21 * DAY, START + 24 * DAY);
    let all = office(56);
    let broken: Vec<i64> = all
        .iter()
        .copied()
        .filter(|at| !(outage.0..outage.1).contains(at))
        .collect();
    let report = judge_series(
        &History::from_arrivals(broken.iter().copied()),
        &Options::default(),
    );
    assert_eq!(report.silences.len(), 1, "{:?}", report.silences);
    let silence = report.silences.first().unwrap();
    assert!(silence.alarm_at < outage.0 + 13 * HOUR && silence.expected_by <= silence.alarm_at);
    assert!(silence.ended_at.is_some_and(|at| at >= outage.1));
    let well = fit(&History::from_arrivals(all), &Options::default()).unwrap();
    let sick = report.cadence.unwrap();
    assert!(
        sick.threshold() < 1.2 * well.threshold(),
        "{} {}",
        sick.threshold(),
        well.threshold()
    );
}

#[test]
fn a_series_that_ends_in_silence_says_so() {
    let mut gather = Gather::default();
    office(42)
        .into_iter()
        .filter(|at| *at < START + 36 * DAY)
        .for_each(|at| gather.add(at, 1));
    let report = judge_series(
        &gather.into_history(Some(START + 42 * DAY)),
        &Options::default(),
    );
    let last = report.silences.last().unwrap();
    assert_eq!((report.silences.len(), last.ended_at), (1, None));
}

#[test]
fn what_was_wrong_is_not_learned_from() {
    let rows = |wrong_from: i64| {
        let mut gather = Gather::default();
        for at in office(56) {
            // In the last two weeks only every tenth tick comes.
            if at < START + 42 * DAY || at % (100 * MINUTE) < 10 * MINUTE {
                gather.add(at, 1);
            }
        }
        for hour in 0..14 * 24 {
            gather.row(START + 42 * DAY + hour * HOUR).wrong = hour >= wrong_from;
        }
        fit(
            &gather.into_history(Some(START + 56 * DAY)),
            &Options::default(),
        )
        .unwrap()
    };
    let monday = START + 56 * DAY + 10 * HOUR;
    let (frozen, learned) = (rows(0), rows(14 * 24));
    let (frozen, learned) = (frozen.rate(monday), learned.rate(monday));
    assert!(frozen > 5.0 && learned < 4.5, "{frozen} {learned}");
}

#[test]
fn what_cannot_be_judged_says_why() {
    let why = |arrivals: Vec<i64>| {
        fit(&History::from_arrivals(arrivals), &Options::default()).unwrap_err()
    };
    let few = why((0..7).map(|day| START + day * DAY).collect());
    assert_eq!(few.to_string(), "7 ticks of at least 12");
    let short = why((0..500).map(|tick| START + tick * 10 * MINUTE).collect());
    assert_eq!(short.to_string(), "3 days of at least 7");
    // Bursts with rests of any length.
    let (mut at, mut bursts) = (START, Vec::new());
    for burst in 0_i64..60 {
        bursts.extend((0..20).map(|tick| at + tick * 2 * MINUTE));
        at += DAY / 4 + (burst * burst * 7919 % 13) * DAY;
    }
    assert!(matches!(
        why(bursts),
        NotYet::Irregular { .. } | NotYet::OftenOut { .. }
    ));
    assert_eq!(why(Vec::new()), NotYet::FewTicks { ticks: 0 });
}

#[test]
fn a_line_is_short_and_comes_back_to_the_byte() {
    let (sources, _) = site(7, Holiday::People);
    let mut judged = 0;
    for source in sources {
        let mut gather = Gather::default();
        for (at, lines) in source.ticks.iter().zip(&source.lines) {
            gather.add(*at, *lines);
            let row = gather.row(*at);
            row.shapes = 10 + u32::try_from(at / HOUR % 5).unwrap();
            row.errors += u32::from(at % 7 == 0);
        }
        let Ok(cadence) = fit(&gather.into_history(None), &Options::default()) else {
            continue;
        };
        judged += 1;
        let text = cadence.to_string();
        assert!(
            text.len() <= MAX_BYTES && text.bytes().all(|b| (b' '..=b'~').contains(&b)),
            "{text}"
        );
        assert_eq!(text.parse(), Ok(cadence), "{text}");
    }
    assert!(judged >= 11, "{judged}");
}

#[test]
fn a_text_that_is_no_cadence_is_refused() {
    let text = fit(&History::from_arrivals(office(42)), &Options::default())
        .unwrap()
        .to_string();
    let refused = |text: &str| text.parse::<Cadence>().unwrap_err();
    assert!(matches!(
        refused(&text.replacen('1', "2", 1)),
        FormError::Version(_)
    ));
    assert_eq!(refused(&"1".repeat(401)), FormError::TooLong(401));
    assert!(matches!(refused("1"), FormError::Field(_)));
    assert_eq!(refused(&format!("{text} ")), FormError::Form);
    assert_eq!(
        refused(&text.replace(" fa=0.02", " fa=0.020")),
        FormError::Form
    );
    for (name, wrong) in [
        (" z=", " z=NaN"),
        (" z=", " z=inf"),
        (" due=", " due=-1"),
        (" utc=", " utc=27"),
    ] {
        let (before, after) = text.split_once(name).unwrap();
        let rest = after.split_once(' ').map_or("", |(_, rest)| rest);
        assert!(
            matches!(
                refused(&format!("{before}{wrong} {rest}")),
                FormError::Field(_)
            ),
            "{wrong}"
        );
    }
}

#[test]
fn no_time_is_too_far_to_ask_for() {
    let cadence = fit(&History::from_arrivals(office(42)), &Options::default()).unwrap();
    for at in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX] {
        assert!(cadence.gap(at, i64::MAX) >= 0.0);
        let _alarm: Option<i64> = cadence.alarm_at(at, 1.0);
        assert_eq!(
            cadence.alarm_at(START, f64::NAN),
            cadence.alarm_at(START, 1.0)
        );
        let mut recent = Recent::default();
        recent.hear(at, u32::MAX);
        recent.hear(i64::MAX, 1);
        assert!(recent.against(&cadence, at).is_some());
        let ends = [at, at.saturating_add(DAY), 0].map(|start| Hour {
            start,
            minutes: u64::MAX,
            lines: u32::MAX,
            ..Hour::default()
        });
        let report = judge_series(&History::new(ends, at), &Options::default());
        assert!(report.cadence.is_err());
    }
}

#[test]
fn peers_say_whether_it_is_a_holiday() {
    let history = History::from_arrivals(office(42));
    let cadences = fit_site(
        &[history.clone(), history.clone(), history],
        &Options::default(),
    );
    let cadence = cadences.into_iter().next().unwrap().unwrap();
    let noon = START + 42 * DAY + 12 * HOUR;
    let peer = |every: usize| {
        let mut recent = Recent::default();
        office(43).into_iter().step_by(every).for_each(|at| {
            if at < noon {
                recent.hear(at, 1);
            }
        });
        recent.against(&cadence, noon).unwrap()
    };
    assert!(
        pace(&[peer(1), peer(1), peer(10_000)]) > 0.7,
        "one dead peer is no holiday"
    );
    assert!(pace(&[peer(1), peer(10_000), peer(10_000)]) < 0.2);
    assert!((pace(&[]) - 1.0).abs() < 1e-9);
}

/// Hours of a source with 120 lines an hour by day, one in fifty an error.
fn hours(days: i64) -> Vec<Hour> {
    (0..days * 24)
        .map(|hour| {
            let lines = if (8..18).contains(&(hour % 24)) {
                110
            } else {
                10
            };
            let lines = lines + u32::try_from(hour * hour % 11).unwrap();
            Hour {
                start: START + hour * HOUR,
                minutes: (1 << lines.min(59)) - 1,
                lines,
                errors: lines / 50 + u32::from(hour % 13 == 0),
                unparsed: 0,
                shapes: 12 + u32::try_from(hour % 3).unwrap(),
                wrong: false,
            }
        })
        .collect()
}

#[test]
fn each_sign_of_sickness_is_told_once_and_ends_with_it() {
    let healthy = History::new(hours(42), START + 42 * DAY);
    let cadence = fit(&healthy, &Options::default()).unwrap();
    let check = |change: &dyn Fn(&mut Heard), is: &dyn Fn(&Sign) -> bool| {
        let mut sickness = Sickness::default();
        let mut signs = Vec::new();
        for (hour, row) in hours(4).iter().enumerate() {
            let mut heard = Heard::from(row);
            (heard.at, heard.skew) = (heard.at + 42 * DAY, Some(MINUTE));
            if (30..54).contains(&hour) {
                change(&mut heard);
            }
            signs.extend(sickness.hear(&cadence, &heard));
        }
        assert!(signs.len() == 1 && signs.iter().all(is), "{signs:?}");
        assert!(!sickness.is_sick(), "{sickness:?}");
    };
    let less =
        |heard: &mut Heard| (heard.lines, heard.errors) = (heard.lines / 5, heard.errors / 5);
    check(&less, &|sign| matches!(sign, Sign::Fewer { .. }));
    check(&|heard| heard.errors = heard.lines / 2, &|sign| {
        matches!(sign, Sign::Errors { .. })
    });
    check(&|heard| heard.unparsed = heard.lines / 3, &|sign| {
        matches!(sign, Sign::Unread { .. })
    });
    check(&|heard| heard.skew = Some(-7 * MINUTE), &|sign| {
        matches!(sign, Sign::Skew { .. })
    });
    check(&|heard| heard.shapes = 2, &|sign| {
        matches!(sign, Sign::Boilerplate { .. })
    });
}

#[test]
fn a_holiday_of_the_site_is_no_sickness() {
    let cadence = fit(
        &History::new(hours(42), START + 42 * DAY),
        &Options::default(),
    )
    .unwrap();
    let mut sickness = Sickness::default();
    for row in hours(2) {
        let mut heard = Heard::from(&row);
        (heard.lines, heard.errors, heard.pace) = (heard.lines / 10, 0, 0.1);
        assert_eq!(sickness.hear(&cadence, &heard), []);
    }
}

#[test]
fn sickness_in_a_recorded_series_is_judged_by_the_rest_of_it() {
    let mut rows = hours(42);
    for row in rows.iter_mut().skip(20 * 24).take(36) {
        row.errors = row.lines / 2;
    }
    let report = judge_series(&History::new(rows, START + 42 * DAY), &Options::default());
    let [(at, Sign::Errors { share, .. })] = report.sickness.as_slice() else {
        panic!("{:?}", report.sickness);
    };
    assert!(
        (START + 20 * DAY..START + 21 * DAY).contains(at) && *share > 0.2,
        "{:?}",
        report.sickness
    );
}
