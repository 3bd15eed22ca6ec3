//! Networks in CIDR notation, of both families.

use std::net::IpAddr;

use crate::rule::Network;

impl Network {
    /// `10.0.0.0/8`, `fe80::/10`, or one address. Host bits are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.trim().parse().ok()?; // ok: because the caller says what was expected
        let (most, skip) = match address {
            IpAddr::V4(_) => (32, 96),
            IpAddr::V6(_) => (128, 0),
        };
        let bits: u8 = match bits {
            None => most,
            Some(bits) => bits.trim().parse().ok()?, // ok: because the caller says what was expected
        };
        let bits = (bits <= most).then(|| bits + skip)?;
        Some(Self {
            base: number(address) & mask(bits),
            bits,
        })
    }

    /// Whether `text` is an address in it.
    pub fn contains(&self, text: &str) -> bool {
        let text = text.trim();
        text.parse::<IpAddr>()
            .is_ok_and(|address| number(address) & mask(self.bits) == self.base)
    }

    /// In CIDR notation.
    pub fn shown(&self) -> String {
        let address = std::net::Ipv6Addr::from(self.base);
        match address.to_ipv4_mapped().filter(|_| self.bits >= 96) {
            Some(address) => format!("{address}/{}", self.bits - 96),
            None => format!("{address}/{}", self.bits),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_networks() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.1.2.3/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "fe80::1", false),
            ("fe80::/10", "fe80::1", true),
            ("::/0", "fe80::1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
            ("10.0.0.0/8", "", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address), inside, "{network:?} {address}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0/8", "x", "::/129", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Network::parse("10.1.0.0/8").unwrap().shown(), "10.0.0.0/8");
    }
}
