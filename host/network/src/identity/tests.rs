//! The keys and certificates of a cluster: made once, kept, told apart from another cluster's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600_000;

fn authority() -> (tempfile::TempDir, Authority) {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path(), NOW).unwrap();
    (dir, authority)
}

fn id(name: &str) -> TaskManagerId {
    name.parse().unwrap()
}

fn admission(authority: &Authority, key: &KeyPair, name: &str, now_ms: i64) -> Admission {
    let certificate = authority.admit(&id(name), &key.public(), now_ms).unwrap();
    let job_manager = authority.job_manager(now_ms).unwrap();
    Admission {
        cluster: authority.cluster(),
        id: id(name),
        certificate,
        authority: job_manager.authority().to_vec(),
    }
}

#[test]
fn a_cluster_is_made_once_and_its_files_are_private() {
    let (dir, first) = authority();
    let again = Authority::open(dir.path(), NOW + DAY).unwrap();
    assert_eq!(first.cluster(), again.cluster());
    let token = first
        .tokens()
        .issue(NOW, std::time::Duration::from_secs(60));
    assert_eq!(again.tokens().check(&token, NOW), Ok(()));
    let one = first.job_manager(NOW).unwrap();
    let other = again.job_manager(NOW).unwrap();
    assert_ne!(one.certificate(), other.certificate(), "new at each start");
    let identity = dir.path().join("identity");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&identity), 0o700);
    let files: Vec<_> = fs::read_dir(&identity).unwrap().collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn two_starts_at_once_make_one_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let clusters: Vec<_> = std::thread::scope(|scope| {
        let open = || Authority::open(dir.path(), NOW).map(|authority| authority.cluster());
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let first = clusters[0].as_ref().unwrap();
    for cluster in &clusters {
        assert_eq!(cluster.as_ref().unwrap(), first);
    }
}

#[test]
fn broken_files_of_an_authority_are_errors_that_name_them() {
    type Break = fn(&std::path::Path);
    let cases: [(Break, &str); 5] = [
        (
            |dir| fs::remove_file(dir.join("authority.key")).unwrap(),
            "authority.key` is missing",
        ),
        (
            |dir| fs::write(dir.join("authority.key"), "x").unwrap(),
            "authority.key` is not a private key",
        ),
        (
            |dir| fs::write(dir.join("authority.pem"), "x").unwrap(),
            "authority.pem` is not the certificate",
        ),
        (
            |dir| fs::write(dir.join("token.key"), "x").unwrap(),
            "token.key` is not a secret of 32 bytes",
        ),
        (
            |dir| {
                let open = fs::Permissions::from_mode(0o644);
                fs::set_permissions(dir.join("authority.key"), open).unwrap();
            },
            "others may read (mode 644); run `chmod 600`",
        ),
    ];
    for (damage, expected) in cases {
        let (dir, _) = authority();
        damage(&dir.path().join("identity"));
        let error = Authority::open(dir.path(), NOW).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn certificates_are_good_for_their_cluster_use_and_time() {
    let (_dir, ours) = authority();
    let (_other_dir, theirs) = authority();
    let key = KeyPair::generate().unwrap();
    let member = CertificateDer::from(admission(&ours, &key, "tm-1", NOW).certificate);
    let foreign = CertificateDer::from(admission(&theirs, &key, "tm-1", NOW).certificate);
    let job_manager = ours.job_manager(NOW).unwrap();
    let root = job_manager.authority();
    let tm = Node::TaskManager(id("tm-1"));
    let garbage = CertificateDer::from(vec![1, 2, 3]);
    for (certificate, usage, at_ms, expected) in [
        (&member, Usage::Client, NOW, Ok(tm.clone())),
        (&member, Usage::Server, NOW, Ok(tm.clone())),
        (&member, Usage::Client, NOW - 3_000_000, Ok(tm)),
        (
            &member,
            Usage::Client,
            NOW - 3_700_000,
            Err("set the clocks of both machines"),
        ),
        (
            &member,
            Usage::Client,
            NOW + 366 * DAY,
            Err("expired at 2028-01-15 08:00:00 UTC"),
        ),
        (
            job_manager.certificate(),
            Usage::Server,
            NOW,
            Ok(Node::JobManager),
        ),
        (
            job_manager.certificate(),
            Usage::Client,
            NOW,
            Err("not meant for this use"),
        ),
        (
            &foreign,
            Usage::Client,
            NOW,
            Err("is not from the authority of cluster"),
        ),
        (
            root,
            Usage::Client,
            NOW,
            Err("that node has to join this cluster"),
        ),
        (
            &foreign,
            Usage::Server,
            NOW,
            Err("or a join token of the one that it has reached"),
        ),
        (&garbage, Usage::Client, NOW, Err("cannot be read")),
    ] {
        let checked = certificate::check(certificate, root, usage, at_ms);
        match (checked, expected) {
            (Ok(node), Ok(expected)) => assert_eq!(node, expected),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (checked, expected) => panic!("{checked:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_member_keeps_its_identity_and_knows_when_to_join_again() {
    let (_dir, authority) = authority();
    let data = tempfile::tempdir().unwrap();
    assert!(matches!(member::load(data.path(), NOW), Ok(Standing::New)));
    let key = KeyPair::generate().unwrap();
    let got = admission(&authority, &key, "tm-1", NOW);
    let kept = member::keep(data.path(), &key, &got, NOW).unwrap();
    assert_eq!(kept.node(), &Node::TaskManager(id("tm-1")));
    for (days, expected) in [
        (0, "Member"),
        (244, "Member"),
        (246, "Due"),
        (364, "Due"),
        (366, "Lapsed"),
    ] {
        let standing = member::load(data.path(), NOW + days * DAY).unwrap();
        let shown = format!("{standing:?}");
        assert!(shown.starts_with(expected), "after {days} days: {shown}");
    }
    // Another key, as when the last join ended half-way.
    let other = KeyPair::generate().unwrap();
    fs::write(data.path().join("identity/node.key"), other.to_pem()).unwrap();
    let standing = member::load(data.path(), NOW).unwrap();
    assert!(matches!(
        standing,
        Standing::Lapsed(CertificateError::OtherKey)
    ));
}

#[test]
fn what_a_member_did_not_ask_for_is_not_kept() {
    let (_dir, ours) = authority();
    let (_other_dir, theirs) = authority();
    let key = KeyPair::generate().unwrap();
    let good = admission(&ours, &key, "tm-1", NOW);
    let other_key = admission(&ours, &KeyPair::generate().unwrap(), "tm-1", NOW);
    let other_name = admission(&ours, &key, "tm-2", NOW);
    let foreign = admission(&theirs, &key, "tm-1", NOW);
    let garbage = vec![0; 10];
    for (got, expected) in [
        (
            Admission {
                cluster: foreign.cluster,
                ..good.clone()
            },
            "not from the authority",
        ),
        (
            Admission {
                certificate: foreign.certificate,
                ..good.clone()
            },
            "not from the authority",
        ),
        (
            Admission {
                certificate: other_key.certificate,
                ..good.clone()
            },
            "does not belong to the key",
        ),
        (
            Admission {
                certificate: other_name.certificate,
                ..good.clone()
            },
            "is that of TaskManager `tm-2`",
        ),
        (
            Admission {
                certificate: garbage,
                ..good
            },
            "cannot be read",
        ),
    ] {
        let data = tempfile::tempdir().unwrap();
        let error = member::keep(data.path(), &key, &got, NOW).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(expected), "{source}");
        assert!(matches!(member::load(data.path(), NOW), Ok(Standing::New)));
    }
    let short = ours
        .admit(&id("tm-1"), &[1, 2], NOW)
        .unwrap_err()
        .to_string();
    assert_eq!(short, "a public key of 2 bytes is not one of 32 bytes");
}

#[test]
fn node_names_survive_the_certificate() {
    let long = "x".repeat(64);
    for name in ["a", "tm-1", "host_7.example.org", long.as_str()] {
        let node = Node::TaskManager(id(name));
        assert_eq!(Node::from_uri(&node.uri()), Some(node));
    }
    for uri in [
        "",
        "wasmill://",
        "wasmill://taskmanager/",
        "wasmill://taskmanager/a/b",
        "https://jobmanager",
    ] {
        assert_eq!(Node::from_uri(uri), None, "{uri}");
    }
}
