"""WeChat's signatures and its encryption of messages ("消息加解密说明").

AES-256-CBC with a key from EncodingAESKey and the key's first 16 bytes as IV, over 16 random bytes, the length in
four bytes (big-endian), the message and the AppID, padded to 32 bytes by PKCS#7.
"""

import base64
import binascii
import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 32
RANDOM_BYTES = 16


class UnreadableError(Exception):
    """Something encrypted that this account's key or AppID doesn't fit."""


def signature(*parts: str) -> str:
    """SHA-1 over the sorted parts, in hexadecimal."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


class MessageCipher:
    """Encrypts and decrypts for one account."""

    def __init__(self, aes_key: str, app_id: str) -> None:
        key = base64.b64decode(aes_key + "=")
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16]))
        self._app_id = app_id.encode()

    def encrypt(self, message: str) -> str:
        """The message as it stands in Encrypt."""
        content = message.encode()
        plain = secrets.token_bytes(RANDOM_BYTES) + len(content).to_bytes(4, "big") + content + self._app_id
        padding = BLOCK_BYTES - len(plain) % BLOCK_BYTES
        encryptor = self._cipher.encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The message in an Encrypt. Raises UnreadableError, also for another account's AppID."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            decryptor = self._cipher.decryptor()
            plain = decryptor.update(sealed) + decryptor.finalize()
        except (binascii.Error, ValueError) as error:
            raise UnreadableError(f"not base64 of whole AES blocks: {error}") from None
        padding = plain[-1] if plain else 0
        if not 1 <= padding <= BLOCK_BYTES or plain[-padding:] != bytes([padding]) * padding:
            raise UnreadableError("the padding is not PKCS#7 to 32 bytes: another key?")
        plain = plain[RANDOM_BYTES:-padding]
        length = int.from_bytes(plain[:4], "big")
        content, app_id = plain[4 : 4 + length], plain[4 + length :]
        if app_id != self._app_id:
            raise UnreadableError("it carries another AppID")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise UnreadableError("the message is not UTF-8") from None
