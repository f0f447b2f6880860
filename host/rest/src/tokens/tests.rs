//! The life of a token, and what a broken file does.

use super::*;

#[test]
fn a_token_is_found_by_its_text_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(Tokens::read(&data).unwrap().is_empty());
    let tenant: TenantId = "acme".parse().unwrap();
    let made = Role::ALL.map(|role| Tokens::create(&data, tenant.clone(), role, 7).unwrap());
    let tokens = Tokens::read(&data).unwrap();
    for (token, role) in made.iter().zip(Role::ALL) {
        assert_eq!(tokens.find(&token.text), Some((tenant.clone(), role)));
        assert_eq!(tokens.find(&token.text.to_uppercase()), None);
        assert_eq!(tokens.find(&token.id), None);
    }
    assert_eq!(tokens.find(""), None);
    let listed: Vec<_> = tokens.list().into_iter().map(|token| token.id).collect();
    assert_eq!(listed, made.clone().map(|token| token.id));

    Tokens::revoke(&data, &made[1].id).unwrap();
    let tokens = Tokens::read(&data).unwrap();
    assert_eq!(tokens.find(&made[1].text), None);
    assert_eq!(tokens.find(&made[2].text), Some((tenant, Role::Admin)));
    let again = Tokens::revoke(&data, &made[1].id).unwrap_err();
    assert!(again.to_string().starts_with("there is no token"));
}

#[test]
fn the_file_holds_no_token_and_only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let token = Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
    let path = dir.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    let secret = token.text.strip_prefix(PREFIX).unwrap();
    assert_eq!(secret.len(), 64);
    assert!(!text.contains(secret), "{text}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_change_is_seen_in_the_files_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let none = Stamp::of(dir.path());
    Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
    let one = Stamp::of(dir.path());
    assert_ne!(none, one);
    Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
    assert_ne!(one, Stamp::of(dir.path()));
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let good = r#"{"id":"1","tenant":"a","role":"viewer","created_ms":0,"sha256":""#;
    for (text, problem) in [
        (String::new(), "EOF"),
        ("[]".to_owned(), "invalid"),
        (r#"{"version":2,"tokens":[]}"#.to_owned(), "version 2"),
        (
            r#"{"version":1,"tokens":[],"x":1}"#.to_owned(),
            "unknown field",
        ),
        (
            format!(r#"{{"version":1,"tokens":[{good}ab"}}]}}"#),
            "digest",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, &text).unwrap();
        let refused = Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(problem), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn there_is_room_for_a_bounded_number() {
    let dir = tempfile::tempdir().unwrap();
    Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
    change(dir.path(), |tokens| {
        let entry = tokens.entries[0].clone();
        tokens.entries = vec![entry; MAX_TOKENS];
        Ok(())
    })
    .unwrap();
    let refused = Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0);
    assert!(matches!(refused, Err(TokenError::TooMany)));
}

#[test]
fn roles_have_names() {
    for role in Role::ALL {
        assert_eq!(role.name().parse::<Role>().unwrap(), role);
    }
    let wrong = "root".parse::<Role>().unwrap_err().to_string();
    assert!(wrong.contains("viewer, submitter and admin"), "{wrong}");
}
