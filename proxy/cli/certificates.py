"""The certificate that a server shows."""

import ssl

from comparators.errors import SettingsError


def tls_of(certificate: str, key: str, *, where: str) -> ssl.SSLContext | None:
    """Return TLS with the certificate in a PEM file, None without one; an empty `key` is in the same file.

    SettingsError, which names the setting `where`, for files that cannot be used.
    """
    if not certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key or None, password=_none)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the certificate cannot be used: {error.strerror or type(error).__name__}"
            if isinstance(error, OSError)
            else "the key needs a passphrase",
            where=where,
            remedy="name PEM files of a certificate and of its key without a passphrase",
        ) from error
    return context


def _none() -> str:
    """Stand in for a passphrase: nobody is asked on a terminal."""
    return ""
