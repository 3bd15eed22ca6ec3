//! Lists of the hosts that there are: an export of a directory, of a deployment tool, of DHCP.

use std::path::Path;

use cordon_model::Host;

use crate::unpack;

/// What the first line of a list may say instead of a host.
const HEADINGS: [&str; 8] = [
    "name",
    "host",
    "hostname",
    "host name",
    "computer",
    "computername",
    "dnshostname",
    "rechner",
];

/// The hosts of a list, in lower case and without their domain: a host a line, or the first column of a CSV.
///
/// # Errors
/// Why the list cannot be read: a line that names no host would otherwise be a host that nobody misses.
pub fn expected(path: &Path) -> Result<Vec<String>, String> {
    let bytes = unpack(path).map_err(|error| error.to_string())?;
    let text = sheet::decode(&bytes).map_err(|error| error.to_string())?;
    let mut hosts = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let field = text.split([',', ';', '\t']).next().unwrap_or(text); // or: because split gives one
        let name = plain(field.trim_matches(['"', '\u{feff}']));
        if name.is_empty() || (line == 0 && HEADINGS.contains(&name.as_str())) {
            continue;
        }
        if let Err(error) = name.parse::<Host>() {
            return Err(format!("line {} names no host: {error}", line + 1));
        }
        hosts.push(name);
    }
    Ok(hosts)
}

/// A host as lists and inventories agree on it: in lower case and without its domain, unless it is an address.
pub fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    if name.parse::<std::net::IpAddr>().is_ok() {
        return name;
    }
    name.split('.').next().unwrap_or(&name).to_owned() // or: because split gives one
}
