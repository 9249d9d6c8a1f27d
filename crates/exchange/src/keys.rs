//! API keys: what signs a request and how a signature is checked.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::spki::SubjectPublicKeyInfoRef;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use hmac::{Hmac, Mac as _};
use rand::RngCore;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::Sha256;

/// API keys made here have 64 characters of `[A-Za-z0-9]`.
const KEY_LEN: usize = 64;
/// What is shorter or longer is no API key at all.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 32..=128;

/// How requests with a key are signed.
#[derive(Clone)]
enum Scheme {
    Hmac {
        secret: String,
    },
    Ed25519 {
        verifying: VerifyingKey,
    },
    /// The public key as PKCS#1 has it.
    Rsa {
        public: Vec<u8>,
    },
}

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// Place and cancel orders.
    pub trade: bool,
    /// Take assets out; the engine refuses to trade live with such a key.
    pub withdraw: bool,
    /// Accepted from listed addresses only. Only told; nobody here has another address.
    pub ip_restrict: bool,
}

impl Permissions {
    /// Reads and trades.
    pub const TRADE: Self = Self { trade: true, withdraw: false, ip_restrict: false };
}

/// An API key as the exchange holds it.
#[derive(Clone)]
pub struct ApiKey {
    /// The public name, sent with each request.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
    scheme: Scheme,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ApiKey({})", self.name)
    }
}

/// Text that is no key.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// Not a PKCS#8 PEM Ed25519 private key.
    #[error("not an Ed25519 private key in PKCS#8 PEM form")]
    NotEd25519,
    /// Not a public key that the venue takes.
    #[error("not a public key of RSA (2048 to 4096 bits) or Ed25519 in PEM form")]
    NotPublic,
    /// Not 32 to 128 letters and digits.
    #[error("an API key has 32 to 128 letters and digits")]
    BadName,
}

impl ApiKey {
    /// A key whose requests are signed with HMAC-SHA256.
    ///
    /// # Errors
    /// [`KeyError::BadName`].
    pub fn hmac(name: &str, secret: &str) -> Result<Self, KeyError> {
        Self::new(name, Scheme::Hmac { secret: secret.to_owned() })
    }

    /// A key whose requests are signed with Ed25519; only the public half is kept.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn ed25519(name: &str, private_key_pem: &str) -> Result<Self, KeyError> {
        let signing =
            SigningKey::from_pkcs8_pem(private_key_pem).map_err(|_| KeyError::NotEd25519)?;
        Self::new(name, Scheme::Ed25519 { verifying: signing.verifying_key() })
    }

    /// A key of which only the public half is known, as the venue knows keys: RSA with 2048 to
    /// 4096 bits, or Ed25519, in PEM form.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_public_pem(name: &str, pem: &str) -> Result<Self, KeyError> {
        let encoded: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64.decode(encoded.trim()).map_err(|_| KeyError::NotPublic)?;
        let info = SubjectPublicKeyInfoRef::try_from(der.as_slice());
        let info = info.map_err(|_| KeyError::NotPublic)?;
        let public = info.subject_public_key.raw_bytes();
        let scheme = match info.algorithm.oid.to_string().as_str() {
            // PKCS#1 wraps the modulus in at most 18 bytes.
            "1.2.840.113549.1.1.1" if (256..=512 + 18).contains(&public.len()) => {
                Scheme::Rsa { public: public.to_owned() }
            }
            "1.3.101.112" => {
                let bytes = public.try_into().map_err(|_| KeyError::NotPublic)?;
                let verifying = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotPublic)?;
                Scheme::Ed25519 { verifying }
            }
            _ => return Err(KeyError::NotPublic),
        };
        Self::new(name, scheme)
    }

    fn new(name: &str, scheme: Scheme) -> Result<Self, KeyError> {
        if !is_well_formed(name) {
            return Err(KeyError::BadName);
        }
        Ok(Self { name: name.to_owned(), permissions: Permissions::TRADE, scheme })
    }

    /// Whether sessions may be logged on with it.
    #[must_use]
    pub const fn is_ed25519(&self) -> bool {
        matches!(self.scheme, Scheme::Ed25519 { .. })
    }

    /// The venue's name of its kind.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self.scheme {
            Scheme::Hmac { .. } => "HMAC_SHA256",
            Scheme::Ed25519 { .. } => "Ed25519",
            Scheme::Rsa { .. } => "RSA",
        }
    }

    /// Whether the signature is that of the payload. HMAC is hex in either case; RSA (PKCS#1 1.5
    /// with SHA-256) and Ed25519 are base64.
    #[must_use]
    pub fn verifies(&self, payload: &str, signature: &str) -> bool {
        match &self.scheme {
            Scheme::Hmac { secret } => {
                let Some(signature) = from_hex(signature) else { return false };
                hmac(secret, payload).verify_slice(&signature).is_ok()
            }
            Scheme::Rsa { public } => BASE64.decode(signature).is_ok_and(|signature| {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                    .verify(payload.as_bytes(), &signature)
                    .is_ok()
            }),
            Scheme::Ed25519 { verifying } => BASE64
                .decode(signature)
                .ok()
                .and_then(|bytes| Signature::from_slice(&bytes).ok())
                .is_some_and(|signature| verifying.verify(payload.as_bytes(), &signature).is_ok()),
        }
    }
}

/// Whether a text has the form of an API key.
#[must_use]
pub fn is_well_formed(name: &str) -> bool {
    KEY_LENGTHS.contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn hmac(secret: &str, payload: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(payload.as_bytes());
    mac
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// The client's half of the default account's keys: what a client needs to sign.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the HMAC key.
    pub api_key: String,
    /// Its secret.
    pub api_secret: String,
    /// Name of the Ed25519 key.
    pub ed25519_api_key: String,
    /// Its private key, PKCS#8 PEM.
    pub ed25519_private_key_pem: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({}, {})", self.api_key, self.ed25519_api_key)
    }
}

impl Credentials {
    /// Fresh keys.
    #[must_use]
    pub fn generate(random: &mut impl RngCore) -> Self {
        let mut seed = [0; 32];
        random.fill_bytes(&mut seed);
        Self {
            api_key: random_name(random),
            api_secret: random_name(random),
            ed25519_api_key: random_name(random),
            ed25519_private_key_pem: private_pem(seed),
        }
    }

    /// The same keys with the Ed25519 key in the form that every client reads. Text that is no
    /// such key stays as it is, to be refused where it is used.
    #[must_use]
    pub fn in_common_form(mut self) -> Self {
        if let Ok(key) = SigningKey::from_pkcs8_pem(&self.ed25519_private_key_pem) {
            self.ed25519_private_key_pem = private_pem(key.to_bytes());
        }
        self
    }

    /// The exchange's half.
    ///
    /// # Errors
    /// [`KeyError`] if they were given by hand and are malformed.
    pub fn to_api_keys(&self) -> Result<[ApiKey; 2], KeyError> {
        Ok([
            ApiKey::hmac(&self.api_key, &self.api_secret)?,
            ApiKey::ed25519(&self.ed25519_api_key, &self.ed25519_private_key_pem)?,
        ])
    }

    /// Signs a payload with the HMAC secret, in lower-case hex: for tests and examples; the
    /// engine has its own signer.
    #[must_use]
    pub fn sign_hmac(&self, payload: &str) -> String {
        use std::fmt::Write as _;
        let bytes = hmac(&self.api_secret, payload).finalize().into_bytes();
        bytes.iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String does not fail");
            hex
        })
    }

    /// Signs a payload with the Ed25519 key, in base64.
    ///
    /// # Errors
    /// [`KeyError::NotEd25519`].
    pub fn sign_ed25519(&self, payload: &str) -> Result<String, KeyError> {
        let key = SigningKey::from_pkcs8_pem(&self.ed25519_private_key_pem)
            .map_err(|_| KeyError::NotEd25519)?;
        Ok(BASE64.encode(key.sign(payload.as_bytes()).to_bytes()))
    }
}

/// The PEM text of a private key in PKCS#8 version 1, as `openssl genpkey` writes it: the public
/// key that version 2 adds is what OpenSSL, and clients built on it, refuse to read.
fn private_pem(seed: [u8; 32]) -> String {
    KeypairBytes { secret_key: seed, public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .expect("32 bytes always have a PEM form")
        .to_string()
}

fn random_name(random: &mut impl RngCore) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // The modulo's bias (62 does not divide 2^32) is of no concern for a simulated key.
    (0..KEY_LEN).map(|_| char::from(LETTERS[(random.next_u32() % 62) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;

    const NAME: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    #[test]
    fn documented_hmac_signatures_verify() {
        #[track_caller]
        fn check(payload: &str, signature: &str) {
            let key = ApiKey::hmac(NAME, SECRET).unwrap();
            assert!(key.verifies(payload, signature));
            assert!(key.verifies(payload, &signature.to_uppercase()));
            assert!(!key.verifies(&payload.replace("SELL", "BUY").replace("=1", "=2"), signature));
        }
        check(
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        );
        check(
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        );
        check(
            "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        );
        check(
            "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol=１２３４５６&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        );
    }

    #[test]
    fn ed25519_agrees_with_rfc_8032() {
        // RFC 8032, 7.1, TEST 2: the message is the one byte 0x72, "r".
        let secret: [u8; 32] =
            from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .unwrap()
                .try_into()
                .unwrap();
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let expected: Vec<u8> = [&expected[..64], &expected[64..]]
            .into_iter()
            .flat_map(|half| from_hex(half).unwrap())
            .collect();
        let signing = SigningKey::from_bytes(&secret);
        let scheme = Scheme::Ed25519 { verifying: signing.verifying_key() };
        let key = ApiKey::new(NAME, scheme).unwrap();
        assert!(key.verifies("r", &BASE64.encode(&expected)));
        assert!(!key.verifies("s", &BASE64.encode(&expected)));
        assert!(!key.verifies("r", "not base64!"));
    }

    #[test]
    fn generated_credentials_sign_for_their_keys() {
        let credentials = Credentials::generate(&mut Pcg64Mcg::seed_from_u64(7));
        let [hmac, ed25519] = credentials.to_api_keys().unwrap();
        assert!(hmac.verifies("a=1", &credentials.sign_hmac("a=1")));
        assert!(ed25519.verifies("a=1", &credentials.sign_ed25519("a=1").unwrap()));
        assert!(!hmac.verifies("a=2", &credentials.sign_hmac("a=1")));
        assert!(!format!("{credentials:?}").contains(&credentials.api_secret));
    }

    #[test]
    fn private_keys_are_written_as_openssl_writes_them_and_both_versions_are_read() {
        let seed = [7; 32];
        let pem = private_pem(seed);
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!(
            (lines[0], lines[2]),
            ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
        );
        let der = BASE64.decode(lines[1]).unwrap();
        let (head, secret) = der.split_at(16);
        let version_1 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        assert_eq!((head, secret), (version_1.as_slice(), seed.as_slice()));
        let version_2 = SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF).unwrap();
        assert_ne!(version_2.as_str(), pem);
        let earlier = Credentials {
            ed25519_private_key_pem: version_2.to_string(),
            ..Credentials::generate(&mut Pcg64Mcg::seed_from_u64(7))
        };
        let signature = earlier.sign_ed25519("a=1").unwrap();
        let now = earlier.in_common_form();
        assert_eq!(now.ed25519_private_key_pem, pem);
        assert_eq!(now.sign_ed25519("a=1").unwrap(), signature);
        let [_, key] = now.to_api_keys().unwrap();
        assert!(key.verifies("a=1", &signature));
    }
}
