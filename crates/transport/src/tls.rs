//! TLS for clients: rustls with ring, the system's certificate authorities and any extra ones.
//!
//! The server's certificate is always verified; nothing here can turn that off.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::{ByteStream, ConnectError, ConnectPhase, Target};

/// What to trust and how long to wait.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// PEM files with certificate authorities to trust besides the system's, for private
    /// endpoints.
    pub extra_root_files: Vec<PathBuf>,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { extra_root_files: Vec::new(), handshake_timeout: Duration::from_secs(5) }
    }
}

/// TLS could not be set up from its options.
#[derive(Debug, Error)]
pub enum TlsSetupError {
    /// An extra root file could not be read or holds something else than PEM certificates.
    #[error("{} cannot be used as a certificate authority: {reason}", file.display())]
    ExtraRoots {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no certificate authority to trust at all.
    #[error(
        "no certificate authority to trust: the system has none{detail}; install its CA \
         certificates or name a PEM file"
    )]
    NoRoots {
        /// What the system said when it was asked, or nothing.
        detail: String,
    },
    /// The TLS library refused the configuration.
    #[error("TLS cannot be configured: {source}")]
    Configuration {
        /// What it said.
        source: rustls::Error,
    },
}

/// A TLS client's configuration, cheap to clone.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    handshake_timeout: Duration,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("handshake_timeout", &self.handshake_timeout).finish()
    }
}

impl Tls {
    /// Reads the certificate authorities of the system and the extra ones. Blocks on files for
    /// some milliseconds: call it at the start, and only where an endpoint has TLS.
    pub fn load(options: &TlsOptions) -> Result<Self, TlsSetupError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        for file in &options.extra_root_files {
            add_root_file(&mut roots, file)?;
        }
        if roots.is_empty() {
            let detail = system.errors.iter().map(|error| format!(" ({error})")).collect();
            return Err(TlsSetupError::NoRoots { detail });
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsSetupError::Configuration { source })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            handshake_timeout: options.handshake_timeout,
        })
    }

    /// Secures `stream`, verifying that the peer is `target.host`.
    pub(crate) async fn secure<S>(
        &self,
        target: &Target,
        stream: S,
    ) -> Result<ByteStream, ConnectError>
    where
        S: crate::RawStream + 'static,
    {
        let name = ServerName::try_from(target.host.clone()).map_err(|_| {
            ConnectError::InvalidUrl { reason: format!("{} is no host name", target.host) }
        })?;
        match timeout(self.handshake_timeout, self.connector.connect(name, stream)).await {
            Ok(Ok(secured)) => Ok(Box::new(secured)),
            Ok(Err(error)) => Err(classify(target, error)),
            Err(_) => Err(ConnectError::TimedOut {
                target: target.clone(),
                phase: ConnectPhase::Tls,
                after: self.handshake_timeout,
            }),
        }
    }
}

fn add_root_file(roots: &mut RootCertStore, file: &PathBuf) -> Result<(), TlsSetupError> {
    let unusable = |reason: String| TlsSetupError::ExtraRoots { file: file.clone(), reason };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, pem::Error>>())
        .map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(())
}

fn classify(target: &Target, source: io::Error) -> ConnectError {
    let refused = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(refused @ rustls::Error::InvalidCertificate(_)) = refused {
        return ConnectError::Certificate { target: target.clone(), source: refused.clone() };
    }
    ConnectError::Tls { target: target.clone(), source }
}
