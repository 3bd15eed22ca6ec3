//! draft
#![allow(clippy::print_stdout, clippy::expect_used)]
use cadence::testgen::{Method, Site, Tally};
fn main() {
    let sites: Vec<Site> = (1..=12)
        .map(|s| {
            Site::new(
                s,
                if std::env::var("HARD").is_ok() {
                    cadence::testgen::Holiday::Everything
                } else {
                    cadence::testgen::Holiday::People
                },
            )
        })
        .collect();
    for (name, fitted) in sites[0].learned() {
        match fitted {
            Ok(c) => println!(
                "{name}: z {:.2} due {:?} ticks {} office {} /day {:.1}",
                c.threshold(),
                c.due(),
                c.ticks(),
                c.is_office_shaped(),
                c.ticks_a_day()
            ),
            Err(e) => println!("{name}: {e}"),
        }
    }
    let b: Vec<f64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let b = if b.is_empty() {
        vec![0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    } else {
        b
    };
    let methods = b
        .iter()
        .map(|b| Method::Learned(*b))
        .chain([1.0, 4.0, 12.0, 24.0, 48.0, 72.0, 96.0, 168.0].map(Method::Timer))
        .chain([0.8, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0].map(Method::LongestGap));
    let mut detail = std::env::var("DETAIL").is_ok();
    for method in methods {
        let mut t = Tally::default();
        let mut per: Vec<Vec<f64>> = vec![vec![]; 13];
        for s in &sites {
            let n = t.delays.len();
            s.judge(method, 40, &mut t);
            for (i, d) in t.delays[n..].chunks(40).enumerate() {
                per[i].extend(d);
            }
        }
        let c = t.curve(method);
        println!(
            "{:?}: FA {:.3} p50 {:.1} p90 {:.1} 24h {:.0}% holidays max {:?} sum {} notjudged {}",
            c.method,
            c.rate,
            c.p50,
            c.p90,
            c.in_a_day * 100.0,
            t.holiday_findings.iter().max(),
            t.holiday_findings.iter().sum::<usize>(),
            t.not_judged
        );
        if detail || matches!(method, Method::LongestGap(1.5)) {
            for (i, p) in per.iter_mut().enumerate() {
                p.sort_by(f64::total_cmp);
                let fa = t.alarms.iter().filter(|a| a.source == i).count();
                println!(
                    "   {i} FA {fa} p50 {:.1} p90 {:.1}",
                    p[p.len() / 2],
                    p[p.len() * 9 / 10]
                );
            }
            detail = false;
        }
    }
}
