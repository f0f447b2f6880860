//! Which requests get through the door.

use axum::http::HeaderName;

use super::*;

fn gate(address: &str, tokens: &tempfile::TempDir) -> Gate {
    Gate::new(tokens.path().to_owned(), address.parse().unwrap()).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, value.parse().unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn without_tokens_only_local_pages_and_programs_get_through() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate("127.0.0.1:0", &dir);
    for (request, through) in [
        (&[("host", "localhost:8081")][..], true),
        (&[("host", "LOCALHOST")], true),
        (&[("host", "127.0.0.1:8081")], true),
        (&[("host", "127.9.9.9")], true),
        (&[("host", "[::1]:8081")], true),
        (&[("host", "::1")], false),
        (&[], false),
        (&[("host", "")], false),
        (&[("host", "evil.example:8081")], false),
        (&[("host", "localhost.evil.example")], false),
        (&[("host", "127.0.0.1.evil.example")], false),
        (&[("host", "192.168.1.2:8081")], false),
        (&[("host", "localhost:80:90")], false),
        (
            &[
                ("host", "localhost:8081"),
                ("origin", "http://localhost:8081"),
            ],
            true,
        ),
        (
            &[
                ("host", "localhost:8081"),
                ("origin", "http://localhost:3000"),
            ],
            false,
        ),
        (
            &[
                ("host", "localhost:8081"),
                ("origin", "https://evil.example"),
            ],
            false,
        ),
        (&[("host", "localhost:8081"), ("origin", "null")], false),
        (
            &[("host", "localhost"), ("sec-fetch-site", "same-origin")],
            true,
        ),
        (&[("host", "localhost"), ("sec-fetch-site", "none")], true),
        (
            &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
            false,
        ),
        (
            &[("host", "localhost"), ("sec-fetch-site", "same-site")],
            false,
        ),
    ] {
        let caller = gate.identify(&Uri::from_static("/jobs"), &headers(request));
        assert_eq!(caller.is_ok(), through, "{request:?}");
    }
    let elsewhere = Uri::from_static("http://evil.example/jobs");
    let local = headers(&[("host", "localhost")]);
    assert!(gate.identify(&elsewhere, &local).is_err());
}

#[test]
fn the_quick_start_needs_a_loopback_address_and_no_tokens() {
    for (address, token, is_open, is_shut) in [
        ("127.0.0.1:0", false, true, false),
        ("[::1]:0", false, true, false),
        ("0.0.0.0:0", false, false, true),
        ("[::]:0", false, false, true),
        ("10.0.0.1:0", false, false, true),
        ("127.0.0.1:0", true, false, false),
        ("0.0.0.0:0", true, false, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        if token {
            Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
        }
        let gate = gate(address, &dir);
        let found = (gate.is_open(), gate.is_shut());
        assert_eq!(found, (is_open, is_shut), "{address} {token}");
    }
}

#[test]
fn a_token_names_who_calls() {
    let dir = tempfile::tempdir().unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    let token = Tokens::create(dir.path(), tenant.clone(), Role::Submitter, 0).unwrap();
    let gate = gate("0.0.0.0:0", &dir);
    let text = token.text.as_str();
    for (authorization, through) in [
        (vec![format!("Bearer {text}")], true),
        (vec![format!("bearer  {text} ")], true),
        (vec![], false),
        (vec![text.to_owned()], false),
        (vec![format!("Basic {text}")], false),
        (vec!["Bearer".to_owned()], false),
        (vec!["Bearer ".to_owned()], false),
        (vec![format!("Bearer {text}x")], false),
        (vec![format!("Bearer {}", &text[..text.len() - 1])], false),
        (vec![format!("Bearer {text}"); 2], false),
        (vec![format!("Bearer {}", "x".repeat(10_000))], false),
    ] {
        let mut headers = headers(&[("host", "cluster.example")]);
        for value in &authorization {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        let caller = gate.identify(&Uri::from_static("/jobs"), &headers);
        let role = Role::Submitter;
        let tenant = tenant.clone();
        assert_eq!(caller.ok(), through.then_some(Caller { tenant, role }));
    }
}

#[test]
fn tokens_that_come_and_go_are_noticed_and_end_the_quick_start_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate("127.0.0.1:0", &dir);
    let uri = Uri::from_static("/jobs");
    let local = headers(&[("host", "localhost")]);
    gate.refresh();
    assert!(gate.identify(&uri, &local).is_ok());

    let token = Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
    gate.refresh();
    let with_token = headers(&[("authorization", &format!("Bearer {}", token.text))]);
    assert!(gate.identify(&uri, &local).is_err());
    assert!(gate.identify(&uri, &with_token).is_ok());

    std::fs::write(dir.path().join("tokens.json"), "broken").unwrap();
    gate.refresh();
    assert!(gate.identify(&uri, &with_token).is_err());

    std::fs::remove_file(dir.path().join("tokens.json")).unwrap();
    gate.refresh();
    assert!(gate.identify(&uri, &local).is_err());
}

#[test]
fn a_role_may_do_what_weaker_ones_may() {
    for (index, role) in Role::ALL.into_iter().enumerate() {
        let tenant = TenantId::default();
        let caller = Caller { tenant, role };
        for (needed_index, needed) in Role::ALL.into_iter().enumerate() {
            assert_eq!(caller.check(needed).is_ok(), index >= needed_index);
        }
    }
}
