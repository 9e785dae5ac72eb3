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

{{/* Whether a container c mounts nothing of the sidecar's: its keys, its sockets, its configuration. */}}
{{- define "kith.cel.ownVolumes" -}}
!has(c.volumeMounts) || c.volumeMounts.all(m, !(m.name in
  ['workload-socket', 'credential-socket', 'workload-certs', 'istio-envoy', 'istio-data', 'istio-token', 'istio-certs']))
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
&& (!has(c.volumeMounts) || c.volumeMounts.all(m,
  m.mountPath.matches('^/(var/run/secrets|var/lib/istio|etc/istio/(proxy|pod|config)|etc/certs)(/|$)')))
&& (!has(c.lifecycle) || (
  (!has(c.lifecycle.postStart) || (has(c.lifecycle.postStart.exec) && c.lifecycle.postStart.exec.command[0] == 'pilot-agent'))
  && (!has(c.lifecycle.preStop) || (has(c.lifecycle.preStop.exec) && c.lifecycle.preStop.exec.command[0] == 'pilot-agent'))))
&& (!has(c.livenessProbe) || !has(c.livenessProbe.exec))
&& (!has(c.readinessProbe) || !has(c.readinessProbe.exec))
&& (!has(c.startupProbe) || !has(c.startupProbe.exec))
&& !has(c.envFrom)
&& (!has(c.env) || c.env.all(e,
  (e.name.matches('^(ISTIO_META_[A-Z_]+|PILOT_CERT_PROVIDER|POD_NAME|POD_NAMESPACE|INSTANCE_IP|SERVICE_ACCOUNT|HOST_IP|ISTIO_CPU_LIMIT|GOMEMLIMIT|GOMAXPROCS|TRUST_DOMAIN|ISTIO_PROMETHEUS_ANNOTATIONS|ISTIO_KUBE_APP_PROBERS|REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION)$')
    && e.name != 'ISTIO_META_GENERATOR' && e.name != 'ISTIO_META_BOOTSTRAP_OVERRIDE')
  || (e.name == 'CA_ADDR' && has(e.value) && e.value in {{ include "kith.cel.list" $values.discoveryAddresses }})
  || (e.name == 'PROXY_CONFIG' && has(e.value)
    && !e.value.matches('binaryPath|configPath|customConfigFile|proxyBootstrapTemplatePath|proxyAdminPort|interceptionMode|\\\\u')
    && (!e.value.contains('discoveryAddress') || {{ include "kith.cel.list" $values.discoveryAddresses }}.exists(a,
      e.value.contains('"discoveryAddress":"' + a + '"') || e.value.contains('"discoveryAddress": "' + a + '"'))))
  || e.name in {{ include "kith.cel.list" $values.proxyEnvironment }}))
&& (c.name == 'istio-proxy'
  ? c.args.size() > 1 && c.args[0] == 'proxy' && c.args[1] == 'sidecar'
    && !c.args.exists(a, a.matches('^--(templateFile|proxyComponentLogPath|outlierLogPath)'))
    && has(c.securityContext) && has(c.securityContext.runAsUser) && c.securityContext.runAsUser == 1337
    && has(c.securityContext.runAsGroup) && c.securityContext.runAsGroup == 1337
    && (!has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)
      || c.securityContext.capabilities.add.all(a, a == 'NET_BIND_SERVICE'))
  : c.args.join(' ').matches('^istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i [*] -x {{ $values.excludedIpRanges | replace "." "[.]" }} -b [*0-9,]* -d [0-9,]+( --log_output_level=[A-Za-z0-9:,_-]+| --log_as_json| --run-validation| --skip-rule-apply| --force-apply| --native-nftables)*$')
    && (!has(c.securityContext) || !has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add)
      || c.securityContext.capabilities.add.all(a, a in ['NET_ADMIN', 'NET_RAW'])))
{{- end }}
