//! The one guard for URLs that somebody outside this installation chose.

pub(crate) mod addresses;
mod client;
mod lookup;

use std::net::IpAddr;

use reqwest::Url;

pub use client::{Answered, GuardedClient, OutgoingError};
pub use lookup::{Lookup, SystemLookup};

/// Longer URLs are nobody's webhook.
const LONGEST: usize = 2_000;

/// Why a URL is not called. The texts are for whoever set it; none quotes the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It cannot be read, or is too long.
    #[error("must be a URL of at most 2000 characters")]
    NotAUrl,
    /// It is not `https`.
    #[error("must begin with https://")]
    Scheme,
    /// It carries a user name or a password.
    #[error("must not carry a user name or a password")]
    UserInfo,
    /// It leads, or its name leads, to an address that is not a public one.
    #[error("must not lead to a private, local or otherwise special address")]
    Address,
}

/// How far URLs may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public addresses.
    Public,
    /// Also `http`, and addresses of this machine and its network: only where an operator says so, for local use, or
    /// where the operator chose the URL.
    Anywhere,
}

/// Decides which URLs and addresses may be called.
///
/// A URL is checked when it is set, for an early and clear refusal, and again whenever it is called: then every
/// address its name leads to is checked too, and the connection is made to the addresses that were checked.
#[derive(Debug, Clone, Copy)]
pub struct UrlGuard {
    reach: Reach,
}

impl UrlGuard {
    /// A guard that lets URLs reach so far.
    #[must_use]
    pub const fn new(reach: Reach) -> Self {
        Self { reach }
    }

    /// Checks what the URL says itself: its scheme, its user, and its host where that is an address in whatever form.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn check(&self, url: &str) -> Result<(), Forbidden> {
        self.parsed(url).map(drop)
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn lets(&self, address: IpAddr) -> bool {
        self.reach == Reach::Anywhere || addresses::is_public(address)
    }

    pub(crate) fn parsed(self, url: &str) -> Result<Url, Forbidden> {
        if url.len() > LONGEST {
            return Err(Forbidden::NotAUrl);
        }
        let url = Url::parse(url).map_err(|_| Forbidden::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if self.reach == Reach::Anywhere => {}
            _ => return Err(Forbidden::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::UserInfo);
        }
        // The parser has turned every spelling of an address (hexadecimal, octal, one number) into the plain one.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Forbidden::NotAUrl)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|address| !self.lets(address)) {
            return Err(Forbidden::Address);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_without_a_user_and_not_to_a_special_address_however_it_is_spelt() {
        let guard = UrlGuard::new(Reach::Public);
        for (url, verdict) in [
            ("https://hooks.example.com/switchboard?x=1", Ok(())),
            ("https://hooks.example.com:8443/a", Ok(())),
            ("https://93.184.216.34/", Ok(())),
            ("https://[2606:2800:220:1:248:1893:25c8:1946]/", Ok(())),
            ("http://hooks.example.com/", Err(Forbidden::Scheme)),
            ("ftp://hooks.example.com/", Err(Forbidden::Scheme)),
            ("file:///etc/passwd", Err(Forbidden::Scheme)),
            ("gopher://127.0.0.1/", Err(Forbidden::Scheme)),
            ("https://user@hooks.example.com/", Err(Forbidden::UserInfo)),
            ("https://:pass@hooks.example.com/", Err(Forbidden::UserInfo)),
            ("hooks.example.com", Err(Forbidden::NotAUrl)),
            ("", Err(Forbidden::NotAUrl)),
            ("https://", Err(Forbidden::NotAUrl)),
            ("https://127.0.0.1/", Err(Forbidden::Address)),
            ("https://127.1/", Err(Forbidden::Address)),
            ("https://2130706433/", Err(Forbidden::Address)),
            ("https://0x7f000001/", Err(Forbidden::Address)),
            ("https://0177.0.0.1/", Err(Forbidden::Address)),
            ("https://127.0.0.1./", Err(Forbidden::Address)),
            ("https://１２７.0.0.1/", Err(Forbidden::Address)),
            ("https://[::1]/", Err(Forbidden::Address)),
            ("https://[::ffff:169.254.169.254]/", Err(Forbidden::Address)),
            ("https://169.254.169.254/latest/meta-data", Err(Forbidden::Address)),
        ] {
            assert_eq!(guard.check(url), verdict, "{url}");
        }
        let long = format!("https://hooks.example.com/{}", "a".repeat(LONGEST));
        assert_eq!(guard.check(&long), Err(Forbidden::NotAUrl));
    }

    #[test]
    fn an_operator_may_open_it_for_local_use_and_a_user_stays_forbidden() {
        let guard = UrlGuard::new(Reach::Anywhere);
        assert_eq!(guard.check("http://127.0.0.1:7701/sink"), Ok(()));
        assert_eq!(guard.check("http://a:b@127.0.0.1/"), Err(Forbidden::UserInfo));
        assert_eq!(guard.check("ftp://127.0.0.1/"), Err(Forbidden::Scheme));
    }
}
