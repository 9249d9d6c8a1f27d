//! Keys of the venue: from a file that only its owner can read, or from the environment.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::engine::{ApiConfig, EngineConfig, VenueConfig};

/// What signs our requests.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// HMAC-SHA256 with this secret.
    Hmac(SecretString),
    /// Ed25519 or RSA, with the private key in this PEM text.
    Private(SecretString),
}

/// The keys of one account.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Sent with every signed request.
    pub api_key: SecretString,
    /// Never sent.
    pub signing_key: SigningKey,
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error("{path}: mode {mode:04o} lets others read it; run: chmod 600 {path}", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not set, or empty.
    #[error("environment variable {0} is not set")]
    Unset(String),
    /// The file or the variable holds nothing.
    #[error("{0} is empty")]
    Empty(String),
    /// No source is configured.
    #[error("venue.{0} is not configured")]
    NotConfigured(&'static str),
}

impl VenueConfig {
    /// Reads the configured keys.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn credentials(&self) -> Result<Credentials, SecretError> {
        let api_key = read(self.api_key_file.as_deref(), self.api_key_env.as_deref())
            .unwrap_or(Err(SecretError::NotConfigured("api_key_file")))?;
        let ed25519 = read(self.private_key_file.as_deref(), self.private_key_env.as_deref());
        let hmac = || read(self.secret_file.as_deref(), self.secret_env.as_deref());
        let signing_key = match ed25519 {
            Some(key) => SigningKey::Private(key?),
            None => SigningKey::Hmac(
                hmac().unwrap_or(Err(SecretError::NotConfigured("private_key_file")))?,
            ),
        };
        Ok(Credentials { api_key, signing_key })
    }

    /// The setting that says where the signing key is.
    #[must_use]
    pub const fn signing_key(&self) -> &'static str {
        match (&self.private_key_file, &self.private_key_env, &self.secret_file, &self.secret_env) {
            (Some(_), _, _, _) => "venue.private_key_file",
            (None, Some(_), _, _) => "venue.private_key_env",
            (None, None, None, Some(_)) => "venue.secret_env",
            (None, None, Some(_), _) | (None, None, None, None) => "venue.secret_file",
        }
    }

    /// Whether any source of a key is configured.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.api_key_file.is_some() || self.api_key_env.is_some()
    }
}

impl EngineConfig {
    /// What is wrong with the keys and tokens that are configured, each by its setting.
    #[must_use]
    pub fn secret_errors(&self) -> Vec<(&'static str, SecretError)> {
        let (venue, api) = (&self.venue, &self.api);
        let files = [
            ("venue.api_key_file", &venue.api_key_file),
            ("venue.private_key_file", &venue.private_key_file),
            ("venue.secret_file", &venue.secret_file),
            ("api.read_token_file", &api.read_token_file),
        ];
        let variables = [
            ("venue.api_key_env", &venue.api_key_env),
            ("venue.private_key_env", &venue.private_key_env),
            ("venue.secret_env", &venue.secret_env),
            ("api.read_token_env", &api.read_token_env),
        ];
        let of_files = files.into_iter().filter_map(|(key, path)| {
            let read = read_secret_file(path.as_deref()?);
            read.err().map(|error| (key, error))
        });
        let of_variables = variables.into_iter().filter_map(|(key, name)| {
            let read = read_variable(name.as_deref()?);
            read.err().map(|error| (key, error))
        });
        of_files.chain(of_variables).collect()
    }
}

impl ApiConfig {
    /// Reads the configured token for reading; `None` when none is.
    pub fn read_token(&self) -> Option<Result<SecretString, SecretError>> {
        read(self.read_token_file.as_deref(), self.read_token_env.as_deref())
    }

    /// Whether a source of a token is configured.
    #[must_use]
    pub fn has_read_token(&self) -> bool {
        self.read_token_file.is_some() || self.read_token_env.is_some()
    }
}

fn read(file: Option<&Path>, variable: Option<&str>) -> Option<Result<SecretString, SecretError>> {
    match (file, variable) {
        (Some(path), _) => Some(read_secret_file(path)),
        (None, Some(name)) => Some(read_variable(name)),
        (None, None) => None,
    }
}

fn read_variable(name: &str) -> Result<SecretString, SecretError> {
    let text = std::env::var(name).map_err(|_| SecretError::Unset(name.to_owned()))?;
    trimmed(&text, name)
}

/// Reads a file that only its owner can read. The mode is checked on the open file, so that it
/// can't be swapped in between.
///
/// # Errors
/// See [`SecretError`].
pub fn read_secret_file(path: &Path) -> Result<SecretString, SecretError> {
    use std::io::Read as _;
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = mode_of(&file).map_err(unreadable)?;
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    trimmed(&text, &path.display().to_string())
}

#[cfg(unix)]
fn mode_of(file: &std::fs::File) -> std::io::Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o7777)
}

/// Where files have no such mode, access is the system's affair.
#[cfg(not(unix))]
fn mode_of(_file: &std::fs::File) -> std::io::Result<u32> {
    Ok(0o600)
}

fn trimmed(text: &str, name: &str) -> Result<SecretString, SecretError> {
    match text.trim() {
        "" => Err(SecretError::Empty(name.to_owned())),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn only_the_owner_may_read_a_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "hush\n").unwrap();
        let set = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for open in [0o644, 0o640, 0o604, 0o620, 0o601] {
            set(open);
            let error = read_secret_file(&path).unwrap_err();
            assert!(matches!(error, SecretError::Exposed { mode, .. } if mode == open));
            assert!(error.to_string().ends_with(&format!("chmod 600 {}", path.display())));
        }
        for closed in [0o600, 0o400] {
            set(closed);
            assert_eq!(read_secret_file(&path).unwrap().expose_secret(), "hush");
        }
    }

    #[test]
    fn a_secret_never_shows() {
        let key = SigningKey::Hmac(SecretString::from("hush".to_owned()));
        let credentials =
            Credentials { api_key: SecretString::from("hush".to_owned()), signing_key: key };
        assert!(!format!("{credentials:?}").contains("hush"));
    }

    #[test]
    fn an_empty_or_missing_secret_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(matches!(read_secret_file(&path), Err(SecretError::Unreadable { .. })));
        std::fs::write(&path, " \n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_secret_file(&path), Err(SecretError::Empty(_))));
    }
}
