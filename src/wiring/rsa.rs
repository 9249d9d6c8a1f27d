//! Keys of the RSA kind. The venue takes them of 2048 to 4096 bits, in PKCS#8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use binance::sign::{Credentials, KeyError, SignRsa, Signer};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};

/// The object identifier of RSA keys (1.2.840.113549.1.1.1), as it stands in PKCS#8.
const RSA_IDENTIFIER: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// A key with its name, of any kind that the venue knows.
///
/// # Errors
/// See [`KeyError`].
pub fn credentials_of(name: SecretString, secret: SecretString) -> Result<Credentials, KeyError> {
    match rsa_signer(&secret)? {
        Some(signer) => Credentials::with_signer(name, Signer::Rsa(Box::new(signer))),
        None => Credentials::new(name, secret),
    }
}

/// Signs with an RSA key.
struct RsaSigner {
    key: RsaKeyPair,
    random: SystemRandom,
}

impl RsaSigner {
    fn try_sign(&self, payload: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &self.random, payload, &mut signature)?;
        Ok(signature)
    }
}

impl SignRsa for RsaSigner {
    fn sign(&self, payload: &[u8]) -> Vec<u8> {
        self.try_sign(payload).expect("a key that has signed signs, on a system with randomness")
    }
}

/// What signs with an RSA key; nothing for a secret of another kind.
fn rsa_signer(secret: &SecretString) -> Result<Option<RsaSigner>, KeyError> {
    let text = secret.expose_secret().trim();
    let parse: fn(&[u8]) -> Result<RsaKeyPair, ring::error::KeyRejected> =
        if text.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
            RsaKeyPair::from_der
        } else if text.starts_with("-----BEGIN PRIVATE KEY-----") {
            RsaKeyPair::from_pkcs8
        } else {
            return Ok(None);
        };
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = SecretString::from(body);
    let Ok(bytes) = STANDARD.decode(body.expose_secret()) else { return Ok(None) };
    let bytes = secrecy::SecretSlice::from(bytes);
    let names_rsa = |bytes: &[u8]| bytes.windows(11).take(32).any(|at| at == RSA_IDENTIFIER);
    let is_pkcs8 = text.starts_with("-----BEGIN PRIVATE");
    if is_pkcs8 && !names_rsa(bytes.expose_secret()) {
        return Ok(None);
    }
    let key = parse(bytes.expose_secret()).map_err(|_| KeyError::NotRsa)?;
    let signer = RsaSigner { key, random: SystemRandom::new() };
    // Parts that do not belong together are found when they are used first.
    signer.try_sign(b"").map_err(|_| KeyError::NotRsa)?;
    Ok(Some(signer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../tests/data/rsa_test_key.pem");
    /// `printf PAYLOAD | openssl dgst -sha256 -sign tests/data/rsa_test_key.pem | base64`
    const PAYLOAD: &str = "symbol=BTCUSDT&timestamp=1499827319559";
    const SIGNED: &str = "DLRAVRSAxYKdLPv/B80RmQAd6qjP0DSR/7mdwc8JfzyUUCMDbYRXoQp1D1tYHMPu7wVuG997qr9Wcx4941UJ49qYpHQI3Uxn3UDaM41LfdMVRSqiTwoD915VW8IhMLVgW3cyAsaRLM8LsRcKbqnCNmLkD3KY0Jyj7q4UTmHA4P5tK97Ff8zdRVTYt/zaiCSP1uZNaQflHiRka/EsDb72jeG5QgfJBsU/pLMOzh6xKoeXn5+P/seFUuAVOBU++AXa3nEcrXxxwawjNABfq0+P4SMJSIZeuW0P7xWrdBi5T936UrQdPEd98OejmircKjivVSDpqAxlXXYvatevGW8brg==";

    #[test]
    fn signatures_are_those_of_openssl() {
        let credentials = credentials_of("name".into(), KEY.into()).unwrap();
        assert_eq!(credentials.signer().sign(PAYLOAD.as_bytes()), SIGNED);
        assert!(!credentials.signer().can_log_on(), "only Ed25519 can");
        assert!(!format!("{credentials:?}").contains("PRIVATE"));
    }

    #[test]
    fn other_kinds_are_left_to_those_who_know_them() {
        let ed25519 = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                       -----END PRIVATE KEY-----\n";
        assert!(credentials_of("name".into(), ed25519.into()).unwrap().signer().can_log_on());
        assert!(credentials_of("name".into(), "an HMAC secret".into()).is_ok());
        let broken: String = KEY
            .lines()
            .filter(|line| line.len() != 64 || line.starts_with("MII"))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(credentials_of("name".into(), broken.into()).err(), Some(KeyError::NotRsa));
    }
}
