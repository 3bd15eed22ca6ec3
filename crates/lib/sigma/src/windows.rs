//! Which Windows events are of which logsource. One event is of several: a 4688 is `security` and
//! `process_creation`, a Sysmon 13 is `registry_set` and `registry_event`. Engines that allow one
//! lose a sixth of the official cases.
//!
//! Channel and service names are the vendor's; categories are those of Sigma's taxonomy appendix.

use std::sync::LazyLock;

use crate::rule::LogSource;

/// A channel, in lowercase, and the service that Sigma calls it.
const CHANNELS: &[(&str, &str)] = &[
    ("application", "application"),
    ("security", "security"),
    ("system", "system"),
    ("dns server", "dns-server"),
    ("linux-sysmon/operational", "sysmon"),
    ("msexchange management", "msexchange-management"),
    ("openssh/operational", "openssh"),
    ("powershellcore/operational", "powershell"),
    ("windows powershell", "powershell-classic"),
    (
        "microsoft-iis-configuration/operational",
        "iis-configuration",
    ),
    (
        "microsoft-servicebus-client/admin",
        "microsoft-servicebus-client",
    ),
    ("microsoft-servicebus-client/admin", "servicebus-client"),
    (
        "microsoft-servicebus-client/operational",
        "microsoft-servicebus-client",
    ),
    (
        "microsoft-servicebus-client/operational",
        "servicebus-client",
    ),
    (
        "microsoft-windows-appmodel-runtime/admin",
        "appmodel-runtime",
    ),
    (
        "microsoft-windows-appxdeployment-server/operational",
        "appxdeployment-server",
    ),
    (
        "microsoft-windows-appxdeploymentserver/operational",
        "appxdeployment-server",
    ),
    (
        "microsoft-windows-appxpackaging/operational",
        "appxpackaging-om",
    ),
    ("microsoft-windows-applocker/exe and dll", "applocker"),
    ("microsoft-windows-applocker/msi and script", "applocker"),
    (
        "microsoft-windows-applocker/packaged app-deployment",
        "applocker",
    ),
    (
        "microsoft-windows-applocker/packaged app-execution",
        "applocker",
    ),
    (
        "microsoft-windows-application-experience/program-compatibility-assistant",
        "application-experience",
    ),
    (
        "microsoft-windows-application-experience/program-telemetry",
        "application-experience",
    ),
    (
        "microsoft-windows-bitlocker/bitlocker management",
        "bitlocker",
    ),
    ("microsoft-windows-bits-client/operational", "bits-client"),
    ("microsoft-windows-capi2/operational", "capi2"),
    (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
        "certificateservicesclient-lifecycle-system",
    ),
    (
        "microsoft-windows-codeintegrity/operational",
        "codeintegrity-operational",
    ),
    ("microsoft-windows-dhcp-server/operational", "dhcp"),
    (
        "microsoft-windows-diagnosis-scripted/operational",
        "diagnosis-scripted",
    ),
    (
        "microsoft-windows-dns client events/operational",
        "dns-client",
    ),
    ("microsoft-windows-dns-client/operational", "dns-client"),
    (
        "microsoft-windows-dns-server/analytical",
        "dns-server-analytic",
    ),
    (
        "microsoft-windows-dnsserver/analytical",
        "dns-server-analytic",
    ),
    ("microsoft-windows-dnsserver/audit", "dns-server-audit"),
    (
        "microsoft-windows-driverframeworks-usermode/operational",
        "driver-framework",
    ),
    ("microsoft-windows-hyper-v-worker", "hyper-v-worker"),
    ("microsoft-windows-hyper-v-worker-admin", "hyper-v-worker"),
    (
        "microsoft-windows-hyper-v-worker-operational",
        "hyper-v-worker",
    ),
    (
        "microsoft-windows-kernel-eventtracing",
        "kernel-event-tracing",
    ),
    (
        "microsoft-windows-kernel-eventtracing/admin",
        "kernel-event-tracing",
    ),
    (
        "microsoft-windows-kernel-shimengine/diagnostic",
        "kernel-shimengine",
    ),
    (
        "microsoft-windows-kernel-shimengine/operational",
        "kernel-shimengine",
    ),
    ("microsoft-windows-ldap-client/debug", "ldap"),
    ("microsoft-windows-lsa/operational", "lsa-server"),
    ("microsoft-windows-ntfs/operational", "ntfs"),
    ("microsoft-windows-ntlm/operational", "ntlm"),
    ("microsoft-windows-powershell/operational", "powershell"),
    ("microsoft-windows-printservice/admin", "printservice-admin"),
    (
        "microsoft-windows-printservice/operational",
        "printservice-operational",
    ),
    (
        "microsoft-windows-security-mitigations/kernel mode",
        "security-mitigations",
    ),
    (
        "microsoft-windows-security-mitigations/user mode",
        "security-mitigations",
    ),
    ("microsoft-windows-sense/operational", "sense"),
    ("microsoft-windows-shell-core/operational", "shell-core"),
    (
        "microsoft-windows-smbclient/connectivity",
        "smbclient-connectivity",
    ),
    ("microsoft-windows-smbclient/security", "smbclient-security"),
    (
        "microsoft-windows-smbserver/connectivity",
        "smbserver-connectivity",
    ),
    ("microsoft-windows-sysmon/operational", "sysmon"),
    (
        "microsoft-windows-taskscheduler/operational",
        "taskscheduler",
    ),
    (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
        "terminalservices-localsessionmanager",
    ),
    ("microsoft-windows-vhdmp-operational", "vhdmp"),
    ("microsoft-windows-vhdmp/operational", "vhdmp"),
    (
        "microsoft-windows-windows defender/operational",
        "windefend",
    ),
    (
        "microsoft-windows-windows firewall with advanced security/firewall",
        "firewall-as",
    ),
    ("microsoft-windows-wmi-activity/operational", "wmi"),
];

/// Events without a channel, by their provider: the channel that it writes to.
const PROVIDERS: &[(&str, &str)] = &[
    ("linux-sysmon", "linux-sysmon/operational"),
    (
        "microsoft-windows-powershell",
        "microsoft-windows-powershell/operational",
    ),
    ("microsoft-windows-security-auditing", "security"),
    (
        "microsoft-windows-sysmon",
        "microsoft-windows-sysmon/operational",
    ),
    (
        "microsoft-windows-windows defender",
        "microsoft-windows-windows defender/operational",
    ),
    ("powershell", "windows powershell"),
    ("service control manager", "system"),
];

/// Events of a service that are of a category.
struct Kind {
    service: &'static str,
    ids: &'static [u32],
    category: &'static str,
    /// Only with one of these in `EventType`, in lowercase.
    types: &'static [&'static str],
}

const fn kind(service: &'static str, ids: &'static [u32], category: &'static str) -> Kind {
    Kind {
        service,
        ids,
        category,
        types: &[],
    }
}

const fn registry(
    ids: &'static [u32],
    category: &'static str,
    types: &'static [&'static str],
) -> Kind {
    Kind {
        service: "sysmon",
        ids,
        category,
        types,
    }
}

const KINDS: &[Kind] = &[
    kind("sysmon", &[1], "process_creation"),
    kind("security", &[4688], "process_creation"),
    kind("sysmon", &[2], "file_change"),
    kind("sysmon", &[3], "network_connection"),
    kind("sysmon", &[4, 16], "sysmon_status"),
    kind("sysmon", &[5], "process_termination"),
    kind("security", &[4689], "process_termination"),
    kind("sysmon", &[6], "driver_load"),
    kind("sysmon", &[7], "image_load"),
    kind("sysmon", &[8], "create_remote_thread"),
    kind("sysmon", &[9], "raw_access_thread"),
    kind("sysmon", &[9], "raw_access_read"),
    kind("sysmon", &[10], "process_access"),
    kind("sysmon", &[11], "file_event"),
    kind("sysmon", &[12, 13, 14], "registry_event"),
    registry(&[12], "registry_add", &["createkey", "createvalue"]),
    registry(&[12], "registry_delete", &["deletekey", "deletevalue"]),
    kind("sysmon", &[13], "registry_set"),
    kind("sysmon", &[14], "registry_rename"),
    kind("sysmon", &[15], "create_stream_hash"),
    kind("sysmon", &[17, 18], "pipe_created"),
    kind("sysmon", &[19, 20, 21], "wmi_event"),
    kind("sysmon", &[22], "dns_query"),
    kind("sysmon", &[23, 26], "file_delete"),
    kind("sysmon", &[24], "clipboard_change"),
    kind("sysmon", &[24], "clipboard_capture"),
    kind("sysmon", &[25], "process_tampering"),
    kind("sysmon", &[26], "file_delete_detected"),
    kind("sysmon", &[27], "file_block_executable"),
    kind("sysmon", &[28], "file_block_shredding"),
    kind("sysmon", &[29], "file_executable_detected"),
    kind("sysmon", &[255], "sysmon_error"),
    kind("powershell", &[4103], "ps_module"),
    kind("powershell", &[4104], "ps_script"),
    kind("powershell-classic", &[400], "ps_classic_start"),
    kind("powershell-classic", &[600], "ps_classic_provider_start"),
    kind("powershell-classic", &[800], "ps_classic_script"),
    kind("windefend", DETECTIONS, "antivirus"),
];

/// Events of Defender that tell of a threat or what was done about one.
const DETECTIONS: &[u32] = &[
    1006, 1007, 1008, 1009, 1010, 1011, 1012, 1015, 1017, 1018, 1019, 1115, 1116, 1117, 1118, 1119,
];

/// Names that mean the same: of these events, `.1` is also called `.2`.
pub(crate) const ALIASES: &[(&str, &[u32], &str, &str)] = &[
    ("security", &[4688], "NewProcessName", "Image"),
    ("security", &[4688], "ParentProcessName", "ParentImage"),
    ("security", &[4689], "ProcessName", "Image"),
    ("windefend", DETECTIONS, "ThreatName", "Signature"),
    ("windefend", DETECTIONS, "Path", "Filename"),
];

/// All sources that [`classify`] names by their index.
pub(crate) static SOURCES: LazyLock<Vec<LogSource>> = LazyLock::new(|| {
    let mut sources = Vec::new();
    for product in ["windows", "linux"] {
        sources.extend(
            CHANNELS
                .iter()
                .map(|(_, service)| LogSource::new(product, "", service)),
        );
        sources.extend(
            KINDS
                .iter()
                .map(|kind| LogSource::new(product, kind.category, kind.service)),
        );
    }
    sources
});

/// The sources of an event, as indexes of [`SOURCES`]. `channel`, `provider` and `kind` (its
/// `EventType`) are lowercased; without a channel the provider decides.
pub(crate) fn classify(
    channel: Option<&str>,
    provider: Option<&str>,
    id: Option<u32>,
    kind: Option<&str>,
    out: &mut Vec<u16>,
) -> Option<&'static str> {
    let by_provider = || {
        let provider = provider?;
        let row = PROVIDERS.iter().find(|(name, _)| *name == provider)?;
        Some(row.1)
    };
    let channel = channel
        .filter(|channel| !channel.is_empty())
        .or_else(by_provider)?;
    let offset = if channel.starts_with("linux-") {
        CHANNELS.len() + KINDS.len()
    } else {
        0
    };
    let mut push = |index: usize| out.extend(u16::try_from(offset + index).ok()); // ok: because there are some 200
    let mut first = None;
    for (index, (name, service)) in CHANNELS.iter().enumerate() {
        if *name != channel {
            continue;
        }
        push(index);
        first = first.or(Some(*service));
        for (index, row) in KINDS.iter().enumerate() {
            let typed = row.types.is_empty() || kind.is_some_and(|kind| row.types.contains(&kind));
            if typed && row.service == *service && id.is_some_and(|id| row.ids.contains(&id)) {
                push(CHANNELS.len() + index);
            }
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(channel: &str, id: u32, kind: Option<&str>, expected: &[&str]) {
        let mut out = Vec::new();
        classify(Some(channel), None, Some(id), kind, &mut out);
        let shown: Vec<String> = out
            .iter()
            .map(|index| SOURCES[usize::from(*index)].to_string())
            .collect();
        assert_eq!(shown, expected, "{channel} {id}");
    }

    #[test]
    fn an_event_is_of_several_sources() {
        check(
            "security",
            4688,
            None,
            &["windows/*/security", "windows/process_creation/security"],
        );
        let sysmon = "microsoft-windows-sysmon/operational";
        check(
            sysmon,
            13,
            None,
            &[
                "windows/*/sysmon",
                "windows/registry_event/sysmon",
                "windows/registry_set/sysmon",
            ],
        );
        check(
            sysmon,
            12,
            Some("deletevalue"),
            &[
                "windows/*/sysmon",
                "windows/registry_event/sysmon",
                "windows/registry_delete/sysmon",
            ],
        );
        check(
            "linux-sysmon/operational",
            1,
            None,
            &["linux/*/sysmon", "linux/process_creation/sysmon"],
        );
        check("security", 4624, None, &["windows/*/security"]);
        check("nobody's", 1, None, &[]);
    }
}
