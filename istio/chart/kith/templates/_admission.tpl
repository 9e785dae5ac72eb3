{{/* Parts of the policies, in CEL. */}}

{{- define "kith.cel.list" -}}
[{{ range $i, $one := . }}{{ if $i }}, {{ end }}'{{ $one }}'{{ end }}]
{{- end }}

{{/* What Istio calls its containers. */}}
{{- define "kith.cel.named" -}}
['istio-proxy', 'istio-init', 'istio-validation']
{{- end }}

{{/* Whether a container c has an image of Istio's. */}}
{{- define "kith.cel.proxyImage" -}}
{{ include "kith.cel.list" .Values.admission.proxyImages }}.exists(r, c.image.startsWith(r + ':') || c.image.startsWith(r + '@'))
{{- end }}

{{/* Whether who asks may write EnvoyFilters of the mesh. */}}
{{- define "kith.cel.ofTheMesh" -}}
authorizer.group('networking.istio.io').resource('envoyfilters').namespace('{{ .Values.istio.rootNamespace }}').check('create').allowed()
{{- end }}

{{/* Whether a container c, or a pod's context, has the sidecar's user or group: 1337 is not redirected. */}}
{{- define "kith.cel.otherUser" -}}
(!has({{ . }}.runAsUser) || {{ . }}.runAsUser != 1337) && (!has({{ . }}.runAsGroup) || {{ . }}.runAsGroup != 1337)
{{- end }}

{{/* Whether a container c has no power over the redirection or the kernel. */}}
{{- define "kith.cel.powerless" -}}
!has(c.securityContext) || (
  (!has(c.securityContext.privileged) || !c.securityContext.privileged)
  && (!has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)
    || c.securityContext.capabilities.add.all(a,
      !(a.upperAscii().replace('CAP_', '') in
        ['ALL', 'NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_PTRACE', 'SYS_MODULE', 'BPF', 'PERFMON']))))
{{- end }}

{{/* What Istio mounts into the sidecar, volume by volume. */}}
{{- define "kith.cel.proxyMounts" -}}
['workload-socket:/var/run/secrets/workload-spiffe-uds', 'workload-socket:/run/secrets/workload-spiffe-uds',
  'credential-socket:/var/run/secrets/credential-uds', 'workload-certs:/var/run/secrets/workload-spiffe-credentials',
  'gke-workload-certificate:/var/run/secrets/workload-spiffe-credentials', 'istio-envoy:/etc/istio/proxy',
  'istio-data:/var/lib/istio/data', 'istio-token:/var/run/secrets/tokens', 'istio-podinfo:/etc/istio/pod',
  'istiod-ca-cert:/var/run/secrets/istio', 'istio-ca-crl:/var/run/secrets/istio/crl']
{{- with .Values.admission.proxyVolumes }} + {{ include "kith.cel.list" . }}{{ end }}
{{- end }}

{{/* Whether a mount m is of a token of the account, which all containers have: the API server's, or a cloud's. */}}
{{- define "kith.cel.accountMount" -}}
m.name.startsWith('kube-api-access-') && m.mountPath == '/var/run/secrets/kubernetes.io/serviceaccount'
{{- with .Values.admission.sharedVolumes }} || (m.name + ':' + m.mountPath) in {{ include "kith.cel.list" . }}{{ end }}
{{- end }}

{{/*
Whether a volume v of a name by which the sidecar has one is what Istio, or the API server, makes. Of these, what is not
written by the sidecar alone is read-only for everybody and may be mounted by others too: account, root certificate, labels.
*/}}
{{- define "kith.cel.ofIstio" -}}
v.name in ['credential-socket', 'workload-certs', 'istio-envoy', 'istio-data'] ? has(v.emptyDir)
: v.name == 'workload-socket' ? has(v.emptyDir) || (has(v.csi) && v.csi.driver == 'csi.spiffe.io')
: v.name == 'gke-workload-certificate' ? has(v.csi) && v.csi.driver == 'workloadcertificates.security.cloud.google.com'
: v.name == 'istio-podinfo' ? has(v.downwardAPI)
: v.name == 'istio-token' ? has(v.projected) && v.projected.sources.all(s, has(s.serviceAccountToken))
: v.name == 'istio-ca-crl' ? has(v.configMap)
: v.name == 'istiod-ca-cert' ? (has(v.configMap) && v.configMap.name == '{{ .Values.admission.rootCertificates }}')
  || (has(v.projected) && v.projected.sources.all(s, has(s.clusterTrustBundle) && has(s.clusterTrustBundle.name)
    && s.clusterTrustBundle.name.startsWith('istio.io:istiod-ca:')))
: !v.name.startsWith('kube-api-access-') || !variables.named.exists(c,
    has(c.volumeMounts) && c.volumeMounts.exists(m, m.name == v.name))
  || (has(v.projected) && v.projected.sources.all(s, has(s.serviceAccountToken) || has(s.downwardAPI)
    || (has(s.configMap) && s.configMap.name == 'kube-root-ca.crt')))
{{- end }}

{{/* Whether a container c mounts nothing of the sidecar's: its keys, its sockets, its configuration. */}}
{{- define "kith.cel.ownVolumes" -}}
!has(c.volumeMounts) || c.volumeMounts.all(m, !(m.name in
  ['workload-socket', 'credential-socket', 'workload-certs', 'gke-workload-certificate', 'istio-envoy', 'istio-data', 'istio-token', 'istio-certs'])
  {{- range .Values.admission.proxyVolumes }} && m.name != '{{ splitList ":" . | first }}'{{ end }})
{{- end }}

{{/*
What PROXY_CONFIG may say at any depth, alternatives of a regular expression: what changes neither what the sidecar is or runs,
nor whom it trusts, nor where traffic goes. Istio writes it as JSON, in which a colon outside of texts is behind one of these.
*/}}
{{- define "kith.proxyConfig" -}}
discoveryAddress|concurrency|holdApplicationUntilProxyStarts|drainDuration|parentShutdownDuration|terminationDrainDuration|
{{- /* */ -}}serviceCluster|meshId|statusPort|image|imageType|
{{- /* */ -}}gatewayTopology|numTrustedProxies|forwardClientCertDetails|proxyProtocol|
{{- /* */ -}}proxyHeaders|server|requestId|attemptCount|envoyDebugHeaders|metadataExchangeHeaders|disabled|
{{- /* */ -}}statNameLength|extraStatTags|proxyStatsMatcher|inclusionPrefixes|inclusionSuffixes|inclusionRegexps|statsEvictionInterval|
{{- /* */ -}}fileFlushInterval|fileFlushMinSizeKb|statsdUdpAddress|envoyMetricsService|envoyAccessLogService|tcpKeepalive|probes|time|interval|
{{- /* */ -}}tracing|tracingServiceName|zipkinAddress|zipkin|datadog|lightstep|accessToken|openCensusAgent|context|stackdriver|debug|
{{- /* */ -}}maxNumberOfAttributes|maxNumberOfAnnotations|maxNumberOfMessageEvents|address|sampling|maxPathTagLength|enableIstioTags|
{{- /* */ -}}customTags|literal|environment|header|name|value|defaultValue|tlsSettings|mode|sni|subjectAltNames|
{{- /* */ -}}proxyMetadata|ISTIO_META_[A-Z_]+
{{- range concat .Values.admission.proxyEnvironment .Values.admission.proxyConfig }}|{{ replace "." "[.]" . }}{{ end }}
{{- end }}

{{/*
Whether a container c is what Istio injects. Istio merges what a pod brings along under the same name into its own, so the
name says nothing: image, arguments, user, environment, mounts and hooks do.
*/}}
{{- define "kith.cel.genuine" -}}
{{- $values := .Values.admission -}}
{{ include "kith.cel.proxyImage" . }}
&& !has(c.command) && has(c.args)
&& (!has(c.securityContext) || !has(c.securityContext.privileged) || !c.securityContext.privileged)
&& !has(c.workingDir) && !has(c.volumeDevices)
&& (!has(c.volumeMounts) || c.volumeMounts.all(m, !has(m.subPath) && !has(m.subPathExpr)
  && ((m.name + ':' + m.mountPath) in {{ include "kith.cel.proxyMounts" . | indent 2 | trim }} || ({{ include "kith.cel.accountMount" . }}))))
&& (!has(c.lifecycle) || (
  (!has(c.lifecycle.postStart) || (has(c.lifecycle.postStart.exec)
    && c.lifecycle.postStart.exec.command.join(' ').matches('^pilot-agent (wait|request)( |$)')))
  && (!has(c.lifecycle.preStop) || (has(c.lifecycle.preStop.exec)
    && c.lifecycle.preStop.exec.command.join(' ').matches('^pilot-agent (wait|request)( |$)')))))
&& (!has(c.livenessProbe) || !has(c.livenessProbe.exec))
&& (!has(c.readinessProbe) || !has(c.readinessProbe.exec))
&& (!has(c.startupProbe) || !has(c.startupProbe.exec))
&& !has(c.envFrom)
&& (!has(c.env) || c.env.all(e,
  (e.name.matches('^(ISTIO_META_[A-Z_]+|PILOT_CERT_PROVIDER|POD_NAME|POD_NAMESPACE|INSTANCE_IP|SERVICE_ACCOUNT|HOST_IP|ISTIO_CPU_LIMIT|GOMEMLIMIT|GOMAXPROCS|TRUST_DOMAIN|ISTIO_PROMETHEUS_ANNOTATIONS|ISTIO_KUBE_APP_PROBERS|REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION)$')
    && e.name != 'ISTIO_META_GENERATOR' && e.name != 'ISTIO_META_BOOTSTRAP_OVERRIDE')
  || (e.name == 'CA_ADDR' && has(e.value) && e.value in {{ include "kith.cel.list" $values.discoveryAddresses }})
  || (e.name == 'PROXY_CONFIG' && has(e.value)
    && e.value.matches(r'^\s*[{](?:[{}\[\],\s]|"(?:{{ include "kith.proxyConfig" . }})"\s*:|"(?:[^"\\]|\\.)*"|-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)*$')
    && !e.value.matches('[$][(]|"ISTIO_META_(GENERATOR|BOOTSTRAP_OVERRIDE)"')
    && e.value.split('discoveryAddress').size() < 3
    && (!e.value.contains('discoveryAddress') || {{ include "kith.cel.list" $values.discoveryAddresses }}.exists(a,
      e.value.contains('"discoveryAddress":"' + a + '"') || e.value.contains('"discoveryAddress": "' + a + '"'))))
  || e.name in {{ include "kith.cel.list" $values.proxyEnvironment }}))
&& (c.name == 'istio-proxy'
  ? c.args.size() > 3 && c.args[0] == 'proxy' && c.args[1] == 'sidecar' && c.args[2] == '--domain'
    && c.args[3].matches('^[$][(]POD_NAMESPACE[)][.]svc[.][A-Za-z0-9.-]+$')
    && c.args.filter(a, a.matches('^--((proxyLogLevel|proxyComponentLogLevel|log_output_level|stsPort)=[^$]*|log_as_json)$')).size() == c.args.size() - 4
    && has(c.securityContext) && has(c.securityContext.runAsUser) && c.securityContext.runAsUser == 1337
    && has(c.securityContext.runAsGroup) && c.securityContext.runAsGroup == 1337
    && (!has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)
      || c.securityContext.capabilities.add.all(a, a == 'NET_BIND_SERVICE'))
  : c.args.all(a, !a.contains(' ')) && c.args.join(' ').matches('^istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i [*] -x {{ $values.excludedIpRanges | replace "." "[.]" }} -b [*0-9,]* -d [0-9,]+( --log_output_level=[A-Za-z0-9:,_-]+| --log_as_json| --run-validation| --skip-rule-apply| --force-apply| --native-nftables)*$')
    && (c.name == 'istio-validation'
      ? '--run-validation' in c.args && '--skip-rule-apply' in c.args
      : !('--run-validation' in c.args) && !('--skip-rule-apply' in c.args))
    && (!has(c.securityContext) || !has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)
      || c.securityContext.capabilities.add.all(a, a in ['NET_ADMIN', 'NET_RAW'])))
{{- end }}
