//! Plants an invented host that misses a patch of the real feed, as a file like those of every other host, and
//! audits it. An auditor that finds nothing on it finds nothing anywhere.

use std::{fs, path::PathBuf};

use cordon_model::{
    Blindness, ControlName, Fact, Host, Inventory, Nonce, Planting, Sensed, Span, Subject, Text,
    Time,
};
use cordon_patch::{Patch, SPEC, SYNTHETIC_INVENTORY};

use super::known::Known;
use crate::{
    Feeds, Sample,
    audit::{Bench, Line, Sheets, audit},
    host,
};

/// How the names of invented hosts begin.
pub const INVENTED: &str = "cordon-probe-";

/// Older than any version that ever was.
const NEVER_FIXED: &str = "0";

/// An advisory for an audit without any.
const ADVISORY: &[u8] = br#"{"id":"CORDON-PROBE","modified":"2004-05-03T00:00:00Z","affected":[{"package":
{"ecosystem":"AlmaLinux:8","name":"cordon-probe"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},
{"fixed":"1.0-1"}]}]}]}"#;

/// The facts of one planting: planted, audited, taken away.
pub(super) fn prove(bench: &Bench, nonce: &Nonce, now: Time) -> Result<Vec<Sensed>, Blindness> {
    let name = format!("{INVENTED}{nonce}");
    let of: Host = name.parse().map_err(|error| blind(&error))?;
    let within = SPEC
        .probes
        .iter()
        .find(|probe| probe.id == SYNTHETIC_INVENTORY);
    let within = within.map_or_else(Span::default, |probe| probe.within);
    let planting = Planting {
        probe: SYNTHETIC_INVENTORY.into(),
        control: ControlName::from(SPEC.name),
        host: of.clone(),
        subject: Subject::Host,
        until: now + within,
    };
    let says = |host: &Host, fact| Sensed {
        host: host.clone(),
        said: None,
        fact,
    };
    let mut said = vec![says(&of, Fact::Planted(planting))];
    let invented = match &bench.feeds.sample {
        Some(_) => None,
        None => Some(invent(now)?),
    };
    let bench = invented.as_ref().unwrap_or(bench); // or: because the real feeds have a patch to miss
    let sample = bench.feeds.sample.as_ref();
    let sample = sample.ok_or_else(|| blind(&"the invented advisory says nothing"))?;
    let folder = std::env::temp_dir().join(&name);
    fs::create_dir(&folder).map_err(|error| blind(&error))?; // fails if somebody was there first
    let written = write(&folder, sample);
    let files = written.map(|files| host(&name, &files));
    let removed = fs::remove_dir_all(&folder);
    let files = files.map_err(|error| blind(&error))?;
    removed.map_err(|error| blind(&error))?;
    let mut rows = audit(&files, bench, None);
    // What else is asked of every host is not what is proven here, and nobody must hear of it.
    let planted = |line: &Line| line.requirement.is_none() && line.package == sample.package;
    rows.lines.retain(planted);
    let mut known = Known::default();
    known.inventory = Inventory {
        from: "an invented host".into(),
        things: 1,
        rows: 1,
        ..Inventory::default()
    };
    said.extend(known.said(&of, &rows));
    said.extend(known.close(&of, None));
    said.push(says(&of, Fact::Inventoried(Box::default()))); // and leaves nothing behind
    Ok(said)
}

fn invent(now: Time) -> Result<Bench, Blindness> {
    let patch = <Patch as cordon_model::Control>::new(&cordon_model::Policy::default());
    let patch = patch.map_err(|error| blind(&error))?;
    let feeds = Feeds::of_osv("probe", ADVISORY);
    Ok(Bench::new(
        feeds,
        patch,
        Sheets::default(),
        now,
        Span::days(1),
    ))
}

/// The files of a host that has the package of the sample in a version that was never good.
fn write(folder: &std::path::Path, sample: &Sample) -> std::io::Result<Vec<PathBuf>> {
    let Sample {
        system,
        version,
        package,
        arch,
        kind,
    } = sample;
    let os = folder.join("os-release");
    fs::write(
        &os,
        format!("ID={system}\nNAME=\"{system}\"\nVERSION_ID=\"{version}\"\n"),
    )?;
    let (name, text) = match kind {
        vercmp::Kind::Deb => (
            "status",
            format!(
                "Package: {package}\nStatus: install ok installed\nArchitecture: {arch}\nVersion: {NEVER_FIXED}\n\n"
            ),
        ),
        vercmp::Kind::Rpm => (
            "rpm-qa.txt",
            format!("{package}\t0\t{NEVER_FIXED}\t0\t{arch}\t{package}-0-0.src.rpm\t(none)\t1\n"),
        ),
        vercmp::Kind::Apk => (
            "installed",
            format!("P:{package}\nV:{NEVER_FIXED}-r0\nA:{arch}\no:{package}\n\n"),
        ),
    };
    let list = folder.join(name);
    fs::write(&list, text)?;
    Ok(vec![os, list])
}

fn blind(error: &dyn std::fmt::Display) -> Blindness {
    Blindness {
        why: Text::new(&format!("an invented host could not be audited: {error}")),
        mend: None,
    }
}
