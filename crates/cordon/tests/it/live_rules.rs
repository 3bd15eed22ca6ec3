//! Our own rules and an administrator's, live over logs that grow: from the line to the page.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use crate::up::{Up, ordinary_owns, system};

fn append(root: &Path, log: &str, lines: &str) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(root.join(log))
        .unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

fn host(test: &str) -> PathBuf {
    let root = system(test);
    for log in ["audit.log", "mail.log", "auth.log"] {
        fs::write(root.join("var/log").join(log), "").unwrap();
    }
    let own = "title: The till is opened at night\nid: 0d4d5f4e-0000-4000-8000-000000000001\n\
               logsource:\n    product: linux\ndetection:\n    keywords:\n        - 'till opened'\n    \
               condition: keywords\nlevel: high\n";
    fs::create_dir_all(root.join("etc/cordon/rules")).unwrap();
    fs::write(root.join("etc/cordon/rules/till.yml"), own).unwrap();
    let source =
        |name: &str| format!("[[logs.source]]\nname = \"{name}\"\npath = \"/var/log/{name}\"\n");
    let policy = format!(
        "[logs.rules]\npaths = [\"/etc/cordon/rules\"]\n{}{}{}",
        source("audit.log"),
        source("mail.log"),
        source("auth.log")
    );
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    ordinary_owns(&root);
    root
}

#[test]
fn a_line_that_a_rule_describes_is_on_the_page_at_once() {
    let root = host("live-rules");
    let up = Up::start(&root);
    // Rules that nothing came for look like rules that found nothing, and are told apart.
    up.until(|page| page.contains("no event for them yet"));
    // Auditing is switched off, as auditd itself records it; the records of one event come in two writes.
    append(
        &root,
        "var/log/audit.log",
        "type=SYSCALL msg=audit(1795617547.100:71): arch=c000003e syscall=44 success=yes exit=52 a0=3 comm=\"auditctl\" exe=\"/usr/sbin/auditctl\"\n",
    );
    append(
        &root,
        "var/log/audit.log",
        "type=CONFIG_CHANGE msg=audit(1795617547.100:71): op=set audit_enabled=0 old=1 auid=0 ses=1 res=1\n\
         type=EOE msg=audit(1795617547.100:71): \n",
    );
    up.until(|page| page.contains("Audit of the kernel switched off or its rules removed"));
    // 2004: the scanner that could not be reached.
    append(
        &root,
        "var/log/mail.log",
        "Nov 25 08:00:00 mail1 clamav-milter[511]: No clamd server appears to be available\n",
    );
    up.until(|page| page.contains("Antivirus on Linux errs, ends or cannot be reached (mail.log)"));
    // The administrator's own rule.
    append(
        &root,
        "var/log/auth.log",
        "Nov 25 02:00:00 shop till[7]: till opened by 3\n",
    );
    let page = up.until(|page| page.contains("The till is opened at night (auth.log)"));
    let waiting = |page: &str| {
        let (before, _) = page.split_once(" of which cannot fire on what came so far")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    };
    let before = waiting(&page).unwrap();
    assert!(before > 0, "rules of Windows cannot fire here: {page}");
    // A source of Windows comes as well, and fewer wait.
    append(
        &root,
        "var/log/auth.log",
        "{\"Event\":{\"System\":{\"Provider\":{\"#attributes\":{\"Name\":\"Microsoft-Windows-Eventlog\"}},\"EventID\":1102,\"Channel\":\"Security\",\"Computer\":\"pc1\"}}}\n",
    );
    let page = up.until(|page| waiting(page).is_some_and(|now| now < before));
    assert!(!page.contains("cut at a limit"), "{page}");
    // Of what is longer than an event may be, no rule sees the rest, and that is told.
    let long = format!("{{\"message\":\"{}\"}}\n", "x".repeat(3000));
    append(&root, "var/log/auth.log", &long);
    up.until(|page| page.contains("1 event cut at a limit"));
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_wave_is_counted_over_lines_and_over_a_restart() {
    let root = host("live-wave");
    let refused = |from: usize, to: usize| {
        (from..to).fold(String::new(), |all, number| {
            let line = format!(
                "Nov 25 08:00:{:02} mail1 postfix/cleanup[7]: 4X{number}: reject: header Content-Disposition: attachment; filename=price.pif\n",
                number % 60
            );
            all + &line
        })
    };
    let up = Up::start(&root);
    append(&root, "var/log/mail.log", &refused(0, 30));
    // A line that is told on the page shows that those before it were judged and kept.
    append(
        &root,
        "var/log/auth.log",
        "Nov 25 02:00:00 shop till[7]: till opened by 3\n",
    );
    append(
        &root,
        "var/log/mail.log",
        "Nov 25 08:00:00 mail1 clamav-milter[511]: No clamd server appears to be available\n",
    );
    let page = up.until(|page| page.contains("cannot be reached (mail.log)"));
    assert!(!page.contains("Wave of mail"), "{page}");
    assert_eq!(up.end("-TERM"), 0);
    let up = Up::start(&root);
    append(&root, "var/log/mail.log", &refused(30, 60));
    up.until(|page| page.contains("Wave of mail with attachments that are refused"));
    drop(up);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_rule_that_cannot_be_read_is_told_and_stops_no_other() {
    let root = host("live-refused");
    fs::write(
        root.join("etc/cordon/rules/bad.yml"),
        "title: x\ndetection: 5\n",
    )
    .unwrap();
    ordinary_owns(&root);
    let up = Up::start(&root);
    let page = up.until(|page| page.contains("feed sigma-rules cannot see"));
    assert!(page.contains("bad.yml"), "{page}");
    append(
        &root,
        "var/log/auth.log",
        "Nov 25 02:00:00 shop till[7]: till opened by 3\n",
    );
    up.until(|page| page.contains("The till is opened at night"));
    drop(up);
    fs::remove_dir_all(root).unwrap();
}
