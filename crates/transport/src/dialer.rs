//! A connector with TLS where the URL asks for it.

use std::sync::Arc;

use crate::gate::{Gated, WriteGate};
use crate::url::{Origin, Security};
use crate::{ByteStream, ConnectError, Connector, TcpConnector, Tls};

/// Opens streams for the protocols of this crate. Cheap to clone; clones share the connector.
#[derive(Clone)]
pub struct Dialer {
    connector: Arc<dyn Connector>,
    tls: Option<Tls>,
}

impl Dialer {
    /// Over this connector, without TLS: `https` and `wss` URLs are errors.
    pub fn plain(connector: impl Connector) -> Self {
        Self { connector: Arc::new(connector), tls: None }
    }

    /// Over this connector, with TLS for `https` and `wss` URLs.
    pub fn with_tls(connector: impl Connector, tls: Tls) -> Self {
        Self { connector: Arc::new(connector), tls: Some(tls) }
    }

    /// Over TCP with its default timeouts; with TLS if given.
    pub fn tcp(tls: Option<Tls>) -> Self {
        Self { connector: Arc::new(TcpConnector::default()), tls }
    }

    /// The gate sits below TLS: a TLS stream may fail a write after passing a part of it on.
    pub(crate) async fn dial(
        &self,
        origin: &Origin,
    ) -> Result<(ByteStream, WriteGate), ConnectError> {
        let target = &origin.target;
        let tls = match (origin.security, &self.tls) {
            (Security::Plain, _) => None,
            (Security::Tls, Some(tls)) => Some(tls),
            (Security::Tls, None) => {
                return Err(ConnectError::TlsNotConfigured { target: target.clone() });
            }
        };
        let (stream, gate) = Gated::new(self.connector.connect(target).await?);
        let stream: ByteStream = match tls {
            Some(tls) => tls.secure(target, stream).await?,
            None => Box::new(stream),
        };
        Ok((stream, gate))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("tls", &self.tls).finish_non_exhaustive()
    }
}
