//! Signing requests, with a key of any of the venue's three kinds. RSA signatures are made by
//! whoever knows how ([`SignRsa`]): blinding them takes randomness, which has no place here.
//!
//! The venue signs different texts on its two ways in: REST signs the percent-encoded query as it
//! is sent, the WebSocket API the parameters sorted by name and not encoded. Building these texts
//! is `encode`'s; here they are only signed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Why a key can't be used. Holds nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("the secret is empty")]
    Empty,
    /// PEM that is no Ed25519 private key in PKCS#8.
    #[error(
        "not an Ed25519 private key: expected the PEM file of `openssl genpkey -algorithm ed25519`"
    )]
    NotEd25519,
    /// An RSA key that can't be used.
    #[error(
        "not an RSA private key of 2048 to 4096 bits: expected the PEM file of `openssl genpkey \
         -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
    )]
    NotRsa,
}

/// Makes RSA signatures: PKCS#1 v1.5 with SHA-256.
pub trait SignRsa: Send + Sync {
    /// The signature's bytes.
    fn sign(&self, payload: &[u8]) -> Vec<u8>;
}

/// The venue's kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A shared secret.
    Hmac,
    /// An elliptic curve.
    Ed25519,
    /// RSA.
    Rsa,
}

/// Signs with nothing.
struct NoKey;

impl SignRsa for NoKey {
    fn sign(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

/// Makes signatures with one key.
pub enum Signer {
    /// HMAC-SHA256, written in hexadecimal.
    Hmac(SecretString),
    /// Ed25519, written in base64. The only kind that can log a connection on.
    Ed25519(Box<SigningKey>),
    /// RSA, written in base64.
    Rsa(Box<dyn SignRsa>),
}

impl Signer {
    /// From what the venue or the user gave: PEM is a private key, anything else an HMAC secret.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_secret(secret: SecretString) -> Result<Self, KeyError> {
        let text = secret.expose_secret().trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.starts_with("-----BEGIN") {
            let key = SigningKey::from_pkcs8_pem(text).map_err(|_| KeyError::NotEd25519)?;
            return Ok(Self::Ed25519(Box::new(key)));
        }
        Ok(Self::Hmac(SecretString::from(text)))
    }

    /// Of which kind its key is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Hmac(_) => KeyKind::Hmac,
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::Rsa(_) => KeyKind::Rsa,
        }
    }

    /// Whether a connection can be logged on with the key, so that its requests need no
    /// signatures of their own.
    #[must_use]
    pub const fn can_log_on(&self) -> bool {
        match self {
            Self::Hmac(_) | Self::Rsa(_) => false,
            Self::Ed25519(_) => true,
        }
    }

    /// The signature of a payload, in the venue's notation.
    #[must_use]
    pub fn sign(&self, payload: &[u8]) -> String {
        match self {
            Self::Hmac(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
                    .expect("HMAC takes a key of any length");
                mac.update(payload);
                hex(&mac.finalize().into_bytes())
            }
            Self::Ed25519(key) => STANDARD.encode(key.sign(payload).to_bytes()),
            Self::Rsa(key) => STANDARD.encode(key.sign(payload)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Hmac(_) => "Signer::Hmac(hidden)",
            Self::Ed25519(_) => "Signer::Ed25519(hidden)",
            Self::Rsa(_) => "Signer::Rsa(hidden)",
        })
    }
}

/// A key of an account: its public name and what signs with it.
#[derive(Debug)]
pub struct Credentials {
    api_key: SecretString,
    signer: Signer,
}

impl Credentials {
    /// From the key's name and its secret (HMAC) or private key (PEM).
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(api_key: SecretString, secret: SecretString) -> Result<Self, KeyError> {
        let signer = Signer::from_secret(secret)?;
        Self::with_signer(api_key, signer)
    }

    /// From the key's name and what signs with it.
    ///
    /// # Errors
    /// [`KeyError::Empty`] without a name.
    pub fn with_signer(api_key: SecretString, signer: Signer) -> Result<Self, KeyError> {
        let api_key = SecretString::from(api_key.expose_secret().trim());
        if api_key.expose_secret().is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { api_key, signer })
    }

    /// Whoever has no key: the venue would refuse all that is signed so. For a replay, of which
    /// nothing leaves.
    #[must_use]
    pub fn stand_in(kind: KeyKind) -> Self {
        let signer = match kind {
            KeyKind::Hmac => Signer::Hmac("none".into()),
            KeyKind::Ed25519 => Signer::Ed25519(Box::new(SigningKey::from_bytes(&[0; 32]))),
            KeyKind::Rsa => Signer::Rsa(Box::new(NoKey)),
        };
        Self { api_key: "none".into(), signer }
    }

    /// The key's name, as it is sent to the venue.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.api_key.expose_secret()
    }

    /// What signs with it.
    #[must_use]
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;

    use super::*;

    const DOCUMENTED_SECRET: &str =
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    /// The documents' own samples; two more stand with the encoders.
    #[test]
    fn hmac_signatures_are_the_documented_ones() {
        #[track_caller]
        fn check(payload: &str, expected: &str) {
            let signer = Signer::from_secret(DOCUMENTED_SECRET.into()).unwrap();
            assert_eq!(signer.sign(payload.as_bytes()), expected);
        }
        check(
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
             &recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        );
        check(
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT\
             &timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        );
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    /// RFC 8032, section 7.1, tests 1 to 3, through the PEM file that a user would have.
    #[test]
    fn ed25519_signatures_are_those_of_the_standard() {
        #[track_caller]
        fn check(secret: &str, message: &str, signature: &str) {
            let key = SigningKey::from_bytes(&unhex(secret).try_into().unwrap());
            let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
            let signer = Signer::from_secret(pem.into()).unwrap();
            assert!(signer.can_log_on());
            let signed = STANDARD.decode(signer.sign(&unhex(message))).unwrap();
            assert_eq!(signed, unhex(signature));
        }
        check(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39\
             701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        );
        check(
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36\
             13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        check(
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7\
             60984dc6594a7c15e9716ed28dc027beceea1ec40a",
        );
    }

    /// A file as openssl writes it, without the public key that newer formats add.
    #[test]
    fn an_openssl_key_file_is_read() {
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        assert!(Signer::from_secret(pem.into()).unwrap().can_log_on());
    }

    #[test]
    fn unusable_keys_are_named() {
        #[track_caller]
        fn check(secret: &str, expected: KeyError) {
            assert_eq!(Signer::from_secret(secret.into()).err(), Some(expected));
        }
        check("  \n", KeyError::Empty);
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
            KeyError::NotEd25519,
        );
        check("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeyError::NotEd25519);
    }

    #[test]
    fn nothing_of_a_key_shows() {
        let credentials = Credentials::new("public".into(), "private".into()).unwrap();
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("public") && !shown.contains("private"), "{shown}");
    }
}
