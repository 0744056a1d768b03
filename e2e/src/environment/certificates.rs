//! The certificates and keys of the cluster: one authority, serving certificates, a client certificate a part.
//!
//! In: nothing but the addresses. Out: the folder `certificates` with a `.crt` and a `.key` a name, and the kubeconfigs that
//! carry them. They are made once a state folder and end with it; they are valid for as long as the format allows.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

use super::settings::{ADDRESS, API_SERVICE, NODE, Settings};

/// Who a client certificate names: file name, user and group. The users are those that Kubernetes' own roles name.
const CLIENTS: [(&str, &str, &str); 7] = [
    ("admin", "tributary-environment-admin", "system:masters"),
    ("apiserver-kubelet-client", "kube-apiserver", "system:masters"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kube-proxy", "system:kube-proxy", ""),
    ("dns", "tributary-environment-dns", ""),
    ("node", "system:node:tributary", "system:nodes"),
];

/// Names of the API inside the cluster, beside its addresses.
const API_NAMES: [&str; 7] = [
    ADDRESS,
    "127.0.0.1",
    API_SERVICE,
    "localhost",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Makes the certificates unless the state folder has them. The folder appears whole or not at all.
pub(super) fn ensure(settings: &Settings) -> Result<()> {
    let folder = settings.state.join("certificates");
    if folder.exists() {
        return Ok(());
    }
    let fresh = settings.state.join("certificates.new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).context("failed to remove half-made certificates")?;
    }
    std::fs::create_dir_all(&fresh).context("failed to make the folder of certificates")?;
    issue(&fresh).context("failed to make the certificates")?;
    std::fs::rename(&fresh, &folder).context("failed to name the folder of certificates")
}

/// The text of a kubeconfig that presents the client certificate `name`.
pub(super) fn kubeconfig(settings: &Settings, name: &str) -> String {
    let folder = settings.state.join("certificates");
    let folder = folder.display();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: tributary\nclusters:\n- name: tributary\n  cluster:\n    \
         server: https://{ADDRESS}:6443\n    certificate-authority: {folder}/ca.crt\nusers:\n- name: {name}\n  \
         user:\n    client-certificate: {folder}/{name}.crt\n    client-key: {folder}/{name}.key\ncontexts:\n\
         - name: tributary\n  context: {{ cluster: tributary, user: {name} }}\n"
    )
}

fn issue(folder: &Path) -> Result<()> {
    let authority = authority()?;
    write(folder, "ca.crt", &authority.pem())?;
    write(folder, "ca.key", &authority.key().serialize_pem())?;
    serving(folder, &authority, "apiserver", &API_NAMES)?;
    serving(folder, &authority, "kubelet", &[ADDRESS, NODE])?;
    for (name, user, group) in CLIENTS {
        let params = parameters(user, group, &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        signed(folder, &authority, name, &params)?;
    }
    let tokens = KeyPair::generate()?;
    write(folder, "service-accounts.key", &tokens.serialize_pem())?;
    write(folder, "service-accounts.pub", &tokens.public_key_pem())
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "tributary-environment-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn serving(
    folder: &Path,
    authority: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    names: &[&str],
) -> Result<()> {
    let params = parameters(name, "", names, ExtendedKeyUsagePurpose::ServerAuth)?;
    signed(folder, authority, name, &params)
}

fn parameters(
    user: &str,
    group: &str,
    names: &[&str],
    purpose: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    Ok(params)
}

fn signed(
    folder: &Path,
    authority: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    params: &CertificateParams,
) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    write(folder, &format!("{name}.crt"), &certificate.pem())?;
    write(folder, &format!("{name}.key"), &key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))
        .with_context(|| format!("failed to protect {}", path.display()))
}
