//! What can be reached over the network without anybody's doing. Until flows tell it, a person does, in a small table:
//! a hole that nobody can reach is not what a worm comes through first.

use serde::{Deserialize, Serialize};

/// Most rows of such a table.
pub const MAX_REACH_ROWS: usize = 1_000_000;

/// In place of a package: whatever the host has.
const ANY: &str = "*";

/// A service that can be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reach {
    /// On which host.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub proto: String,
    /// Which package answers there, or what it was built from; `*` for whatever the host has.
    pub package: String,
}

/// Why a text is no such table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// A line of another form.
    #[error("line {line}: expected host, port, package and perhaps tcp or udp, got `{text}`")]
    Row {
        /// From 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// More than anybody reaches.
    #[error("expected at most {MAX_REACH_ROWS} rows, got more")]
    TooMany,
    /// None.
    #[error("expected rows of host, port and package, got none")]
    Empty,
}

impl Reach {
    /// Whether it is on this host. Names of hosts are held against each other as people write them: in whatever case,
    /// and with their domain or without.
    pub fn is_on(&self, host: &str) -> bool {
        same_host(&self.host, host)
    }

    /// Whether it is this package.
    pub fn is(&self, package: &str, built_from: Option<&str>) -> bool {
        self.package == ANY || self.package == package || Some(self.package.as_str()) == built_from
    }

    /// `tcp/443`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.proto, self.port)
    }
}

/// A name in lower case without its domain. Those that are alike may still be two hosts.
pub(super) fn short(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase() // or: because split gives one
}

fn same_host(a: &str, b: &str) -> bool {
    let address = |name: &str| name.parse::<std::net::IpAddr>().is_ok();
    if address(a) || address(b) || (a.contains('.') && b.contains('.')) {
        return a.eq_ignore_ascii_case(b);
    }
    short(a) == short(b)
}

/// Reads a table: a row a line, its fields apart by commas, semicolons or tabs; a heading may stand above it.
pub fn read_reachable(text: &str) -> Result<Vec<Reach>, ReachError> {
    let mut all = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line
            .split([',', ';', '\t'])
            .map(|field| field.trim().trim_matches('"'))
            .collect();
        let is_heading = all.is_empty()
            && fields
                .get(1)
                .is_some_and(|second| second.eq_ignore_ascii_case("port"));
        if is_heading {
            continue;
        }
        let Some(row) = row(&fields) else {
            let (line, text) = (nth + 1, line.to_owned());
            return Err(ReachError::Row { line, text });
        };
        if all.len() >= MAX_REACH_ROWS {
            return Err(ReachError::TooMany);
        }
        all.push(row);
    }
    if all.is_empty() {
        return Err(ReachError::Empty);
    }
    Ok(all)
}

fn row(fields: &[&str]) -> Option<Reach> {
    let (host, port, package, proto) = match fields {
        [host, port, package] => (host, port, package, "tcp"),
        [host, port, package, proto] => (host, port, package, *proto),
        _ => return None,
    };
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?; // ok: because it is told as a bad row
    let proto = proto.to_ascii_lowercase();
    let whole = !host.is_empty() && !package.is_empty() && ["tcp", "udp"].contains(&proto.as_str());
    whole.then(|| Reach {
        host: (*host).to_owned(),
        port,
        proto,
        package: (*package).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_whole_or_not_at_all() {
        let text = "\u{feff}host,port,package\n# the web\nweb1,443,openssl\n\nweb1.example.org\t53\tbind9\tUDP\n\"pc7\";445;*\n";
        let all = read_reachable(text).unwrap();
        let places: Vec<(String, &str)> = all
            .iter()
            .map(|one| (one.place(), one.package.as_str()))
            .collect();
        let expected = [
            ("tcp/443", "openssl"),
            ("udp/53", "bind9"),
            ("tcp/445", "*"),
        ];
        assert_eq!(
            places,
            expected.map(|(place, name)| (place.to_owned(), name))
        );
        for (text, line) in [
            ("web1,443\n", 1),
            ("web1,443,nginx\nweb1,x,nginx\n", 2),
            ("web1,0,nginx", 1),
            ("web1,70000,nginx", 1),
            (",443,nginx", 1),
            ("web1,443,nginx,icmp", 1),
            ("web1,443,nginx\nhost,port,package\n", 2),
        ] {
            let error = read_reachable(text).unwrap_err();
            assert!(
                matches!(error, ReachError::Row { line: at, .. } if at == line),
                "{text:?}"
            );
        }
        assert_eq!(
            read_reachable("host,port,package\n"),
            Err(ReachError::Empty)
        );
    }

    #[test]
    fn hosts_are_the_same_with_their_domain_or_without() {
        let check = |a: &str, b: &str, same: bool| assert_eq!(same_host(a, b), same, "{a} {b}");
        check("WEB1", "web1.example.org", true);
        check("web1.example.org", "web1.example.com", false);
        check("10.0.0.1", "10.0.0.2", false);
        check("10.0.0.1", "10", false);
        check("web1", "web2", false);
    }
}
