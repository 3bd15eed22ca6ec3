//! What the index and the fleet make fast, held against the slow way, on real advisories.

use std::collections::{BTreeMap, BTreeSet};

use advisory::{
    Fix, Fleet, HostId, Index, Installed, Inventory, ItemId, Options, Release, Row, State, Streams,
    Verdict,
};
use cordon_testkit::corpus;

use crate::advisory::almalinux;

fn fixed(row: &Row) -> &str {
    match &row.fix {
        Fix::In(version) => version,
        other => panic!("{other:?}"),
    }
}

/// Whether anything is missing, after both ways were found to agree.
fn same_as_every_row(
    index: &Index,
    release: &Release,
    (name, version): (&str, &str),
    rows: &[&Row],
) -> bool {
    let less = |a: &str, b: &str| {
        vercmp::compare(vercmp::Kind::Rpm, a, b).unwrap() == std::cmp::Ordering::Less
    };
    let of_security = rows
        .iter()
        .filter(|row| row.advisory.class == advisory::Class::Security);
    let lacking: Vec<&&Row> = of_security
        .filter(|row| less(version, fixed(row)))
        .collect();
    let expected: BTreeSet<&str> = lacking.iter().map(|row| row.advisory.id.as_str()).collect();
    let packages = [Installed {
        name,
        arch: "x86_64",
        version,
        ..Installed::default()
    }];
    let audit = index.judge(&Inventory {
        release,
        packages: &packages,
    });
    let verdict = audit
        .rows
        .iter()
        .map(|row| &row.verdict)
        .find(|v| v.state == State::Missing);
    let found = verdict
        .into_iter()
        .flat_map(|v| v.advisories.iter())
        .map(|a| a.id.as_str());
    assert_eq!(
        found.collect::<BTreeSet<&str>>(),
        expected,
        "{name} {version}"
    );
    if let Some(verdict) = verdict {
        let most = verdict.fixed.as_deref().unwrap();
        assert!(
            lacking.iter().all(|row| !less(most, fixed(row))),
            "{name} {version} {most}"
        );
    }
    verdict.is_some()
}

/// The index sorts and searches; this holds it against looking at every row, on the feed's own versions.
#[test]
fn the_index_says_what_a_look_at_every_row_says() {
    let Ok(folder) = corpus("patches/osv") else {
        return;
    };
    let (_, feed) = almalinux(&folder, 8);
    let release: Release = "almalinux:8".parse().unwrap();
    let index = Index::new(std::slice::from_ref(&feed), Options::default());
    let plain = |row: &&Row| row.release == release && row.streams == Streams::Plain;
    let mut by_name = BTreeMap::<&str, Vec<&Row>>::new();
    for row in feed.rows.iter().filter(plain) {
        by_name.entry(&row.package).or_default().push(row);
    }
    let (mut compared, mut missing) = (0_u64, 0_u64);
    for (nth, (name, rows)) in by_name.iter().enumerate() {
        // Of names with few rows every tenth, of the others all.
        if rows.len() < 20 && nth % 10 != 0 {
            continue;
        }
        for version in rows
            .iter()
            .map(|row| fixed(row))
            .collect::<BTreeSet<&str>>()
        {
            compared += 1;
            missing += u64::from(same_as_every_row(&index, &release, (name, version), rows));
        }
    }
    assert!(compared > 1000 && missing > 500, "{compared} {missing}");
}

/// A fleet remembers what it judged; host by host the answer is the same.
#[test]
fn a_fleet_says_of_each_host_what_is_said_of_it_alone() {
    let Ok(folder) = corpus("patches/osv") else {
        return;
    };
    let (_, feed) = almalinux(&folder, 9);
    let index = Index::new(std::slice::from_ref(&feed), Options::default());
    let release: Release = "almalinux:9".parse().unwrap();
    let of_9 = |row: &&Row| row.release == release;
    let pairs: Vec<Installed<'_>> = feed
        .rows
        .iter()
        .filter(of_9)
        .map(|row| Installed {
            name: &row.package,
            arch: "x86_64",
            version: fixed(row),
            ..Installed::default()
        })
        .collect();
    let mut fleet = Fleet::default();
    let mut expected = Vec::new();
    for nth in 0..40 {
        // Every fortieth from another place, so that hosts share some packages and not others.
        let mut packages: Vec<Installed<'_>> = pairs
            .iter()
            .skip(nth)
            .step_by(40 - nth / 2)
            .copied()
            .collect();
        packages.sort_unstable();
        packages.dedup();
        let items: Vec<ItemId> = packages
            .iter()
            .map(|p| fleet.intern(&release, p).unwrap())
            .collect();
        let host = fleet.add(&release, &items);
        let inventory = Inventory {
            release: &release,
            packages: &packages,
        };
        for row in index.judge(&inventory).rows {
            expected.push((
                host,
                row.package.name.to_owned(),
                row.package.version.to_owned(),
                row.verdict,
            ));
        }
    }
    let items = named(&fleet);
    let mut found = Vec::new();
    fleet.audit(&index, &mut |row| {
        let (name, version) = items[&row.item].clone();
        let verdicts = row.verdicts.iter().cloned();
        found.extend(verdicts.map(|verdict| (row.host, name.clone(), version.clone(), verdict)));
    });
    assert!(found.len() > 10_000, "{}", found.len());
    let order = |row: &(HostId, String, String, Verdict)| {
        (row.0, row.1.clone(), row.2.clone(), row.3.state)
    };
    expected.sort_by_cached_key(order);
    found.sort_by_cached_key(order);
    assert!(
        found == expected,
        "{} rows of the fleet, {} of its hosts",
        found.len(),
        expected.len()
    );
}

fn named(fleet: &Fleet) -> BTreeMap<ItemId, (String, String)> {
    let all = (0..u32::try_from(fleet.items()).unwrap()).map(ItemId);
    all.map(|item| {
        let (_, package) = fleet.item(item).unwrap();
        (item, (package.name.to_owned(), package.version.to_owned()))
    })
    .collect()
}
