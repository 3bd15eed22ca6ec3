//! Our own Sigma rules, in force unless policy says otherwise.

/// A rule of `content/rules`: its name for messages, and its text.
macro_rules! rule {
    ($name:literal) => {
        (
            concat!("builtin/", $name),
            include_str!(concat!("../../../../content/rules/", $name)),
        )
    };
}

/// All of them, in the order of their names.
pub const RULES: [(&str, &str); 15] = [
    rule!("antivirus-erring-linux.yml"),
    rule!("antivirus-stopped-windows.yml"),
    rule!("attachment-wave.yml"),
    rule!("audit-log-cleared-windows.yml"),
    rule!("audit-off-linux.yml"),
    rule!("defender-definitions-failed.yml"),
    rule!("defender-protection-off.yml"),
    rule!("definitions-old-linux.yml"),
    rule!("login-spreads-windows.yml"),
    rule!("login-tries-linux.yml"),
    rule!("outbound-ftp-firewall.yml"),
    rule!("outbound-ftp-network.yml"),
    rule!("outbound-ftp-windows.yml"),
    rule!("service-crash-loop-windows.yml"),
    rule!("service-gives-up-linux.yml"),
];
