use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// Returns the bytes of 64 hexadecimal digits.
fn bytes_of(hexadecimal: &str) -> [u8; 32] {
    *hexadecimal.parse::<Digest>().unwrap().as_bytes()
}

/// RFC 8032, section 7.1: secret key, public key, message, and the signature in
/// two halves.
const RFC_8032: [(&str, &str, &[u8], [&str; 2]); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        [
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        &[0x72],
        [
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        &[0xaf, 0x82],
        [
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ),
];

#[test]
fn the_vectors_of_rfc_8032_are_met() {
    for (secret, public, message, signature) in RFC_8032 {
        let key = SecretKey::from_seed(bytes_of(secret));
        let signature = signature.map(bytes_of).concat();
        assert_eq!(key.public().0.as_bytes(), &bytes_of(public));
        assert_eq!(key.sign(message).as_slice(), signature);
        assert!(key.public().fits(message, &signature));
        assert!(!key.public().fits(b"another message", &signature));
        assert!(!key.public().fits(message, &signature[..63]));
    }
}

/// With the public key as identity of the curve, the signature "identity, zero"
/// fits every message by the plain rule of RFC 8032.
#[test]
fn a_key_of_small_order_is_refused_and_fits_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = PublicKey(VerifyingKey::from_bytes(&identity).unwrap());
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!weak.fits(b"any message", &signature));
    assert_eq!(PublicKey::from_pem(weak.to_pem().as_bytes()), Err(KeyError::WeakPublicKey));
}

#[test]
fn debug_output_shows_no_secret() {
    let seed = bytes_of(RFC_8032[0].0);
    let key = SecretKey::from_seed(seed);
    let shown = format!("{key:?} {:?} {:?}", key.to_pem(), key.public());
    let id = key.public().id();
    assert_eq!(shown, format!("SecretKey(of {id}) PrivatePem(..) PublicKey({id})"));
}

/// The bytes are 16 that never change and the seed: RFC 8410, section 7.
#[test]
fn a_damaged_private_key_is_refused_and_not_quoted() {
    let key = SecretKey::from_seed([7; 32]);
    let text = String::from_utf8(key.to_pem().as_bytes().to_vec()).unwrap();
    let body = text.lines().nth(1).unwrap();
    let der = BASE64_STANDARD.decode(body).unwrap();
    let bodies = [
        body[..60].to_owned(),
        format!("*{}", &body[1..]),
        BASE64_STANDARD.encode(&der[..47]),
        // The seed is one byte shorter than the length before it says.
        BASE64_STANDARD.encode([&[0x30, 0x2d], &der[2..47]].concat()),
        BASE64_STANDARD.encode([7; 48]),
    ];
    for body in bodies {
        let file = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let error = SecretKey::from_pem(file.as_bytes()).unwrap_err();
        let damaged = KeyError::Damaged { wanted: Half::Private, label: PRIVATE_LABEL };
        assert_eq!(error, damaged, "{body}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&body[24..]) && !shown.contains('7'), "{shown}");
    }
}
