{{/* kith.yaml of a component; `kith config check` finds nothing wrong with it, says a test. */}}

{{/* Names of the servers of a component with their ports, one for each that there may be: bridges attach to all. */}}
{{- define "kith.config.servers" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- range $i := until (int (index . 2)) }}
- "kith-{{ $component }}-{{ $i }}.kith-{{ $component }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.istio.clusterDomain }}:{{ index $ 3 }}"
{{- end }}
{{- end }}

{{- define "kith.config.identity" -}}
{{- if eq .Values.identity.provider "istio" -}}
provider: files
files: {certificate: /certs/cert-chain.pem, key: /certs/key.pem, bundle: /certs/root-cert.pem}
{{- else -}}
provider: workload-api
workloadApi: {socket: "unix:/spiffe/{{ .Values.identity.spire.socket }}"}
{{- end }}
{{- end }}

{{/* Whether the server keeps the failure mode of scopes. */}}
{{- define "kith.overlays" -}}
{{- if and .Values.filters.enabled .Values.kubernetes.overlays .Values.kubernetes.resources .Values.kubernetes.workloads }}true{{ end }}
{{- end }}

{{- define "kith.config.kubernetes" -}}
{{- $root := index . 0 -}}
kubernetes:
  workloads: {{ $root.Values.kubernetes.workloads }}
  resources: {{ and $root.Values.kubernetes.resources (index . 1) }}
  {{- if and (include "kith.overlays" $root) (index . 1) }}
  overlays: true
  recipe: {name: {{ $root.Values.filters.recipe }}, shortCut: {{ $root.Values.filters.shortCut }}, revision: {{ $root.Values.istio.revision | quote }}}
  {{- end }}
  trustDomain: {{ $root.Values.istio.trustDomain | quote }}
  clusterDomain: {{ $root.Values.istio.clusterDomain | quote }}
  rootNamespace: {{ $root.Values.istio.rootNamespace | quote }}
  {{- if and $root.Values.node.taint (index . 1) }}
  nodeTaint: {{ $root.Values.node.taint | quote }}
  {{- end }}
{{- end }}

{{/* What all that answer Checks have. */}}
{{- define "kith.config.checks" -}}
checks: {listen: "0.0.0.0:9191"}
reporters: ["spiffe://{{ .Values.istio.trustDomain }}/ns/*/sa/*"]
bridgeIds: [{{ include "kith.bridge.id" . | quote }}]
connections: {perId: {{ int .Values.connections.perId }}, handshakes: {{ int .Values.connections.handshakes }}}
guard:
  resolvers: {{ include "kith.resolvers" . }}
  {{- with .Values.guard }}
  redirects: {{ toJson .redirects }}
  excluded: {{ toJson .excluded }}
  approvedTcp: {{ toJson .approvedTcp }}
  approvedUdp: {{ toJson .approvedUdp }}
  {{- end }}
{{- end }}

{{/*
Files of the Secret that a server reads beside the key pairs of the keeper, by setting, as JSON: root, whether it is the keeper.
Check servers import nothing.
*/}}
{{- define "kith.keyFiles" -}}
{{- $keys := (index . 0).Values.keys }}
{{- $files := dict "trusted" ($keys.trusted | default list) "approvers" ($keys.approvers | default list) "bundlers" list }}
{{- if index . 1 }}
{{- $_ := set $files "bundlers" ($keys.bundlers | default list) }}
{{- else }}
{{- $_ := set $files "trusted" (prepend $files.trusted "learner.pem.pub" | uniq) }}
{{- $_ := set $files "approvers" (prepend $files.approvers "approver.pem.pub" | uniq) }}
{{- end }}
{{- $provenance := $keys.provenance | default list }}
{{- $_ := set $files "provenance" (kindIs "bool" $provenance | ternary (list "provenance") $provenance) }}
{{- toJson $files }}
{{- end }}

{{- define "kith.config.keyFiles" -}}
{{- $files := include "kith.keyFiles" . | fromJson }}
{{- range $setting := list "trusted" "approvers" "bundlers" "provenance" }}
{{- with get $files $setting }}
{{ $setting }}: [/etc/kith/keys/{{ join ", /etc/kith/keys/" . }}]
{{- end }}
{{- end }}
{{- end }}

{{- define "kith.config.telemetry" -}}
telemetry:
  {{- with .Values.telemetry }}
  {{- if .otlpEndpoint }}
  otlp: {endpoint: {{ quote .otlpEndpoint }}, metrics: {{ .otlpMetrics }}, logs: {{ .otlpLogs }}}
  {{- end }}
  {{- end }}
  sampleAllows: {{ .Values.telemetry.sampleAllows }}
{{- end }}

{{- define "kith.config.learning" -}}
{{- with .Values.learning }}
learning:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "kith.config.keeper" -}}
server:
  role: {{ if include "kith.isNode" . }}control{{ else }}all{{ end }}
  spiffeId: {{ include "kith.keeper.id" . }}
  {{- if include "kith.isNode" . }}
  control: {listen: "0.0.0.0:9195"}
  checkIds: [{{ include "kith.checks.id" . | quote }}]
  {{- else }}
  {{- include "kith.config.checks" . | nindent 2 }}
  bridges: {listen: "0.0.0.0:9192"}
  {{- end }}
  admin:
    listen: "unix:/run/kith/admin.sock"
    {{- if .Values.admin.enabled }}
    http: {listen: "0.0.0.0:9193"}
    roles: {{ toJson .Values.admin.roles }}
    {{- with .Values.admin.oidc }}
    oidc:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
  health: {listen: "0.0.0.0:9194"}
  keys:
    directory: /var/lib/kith
    {{- if .Values.keys.secret }}
    learner: /etc/kith/keys/learner.pem
    approver: /etc/kith/keys/approver.pem
    {{- with include "kith.config.keyFiles" (list . true) }}
    {{- trim . | nindent 4 }}
    {{- end }}
    {{- end }}
  {{- include "kith.config.kubernetes" (list . true) | nindent 2 }}
identity:
  {{- include "kith.config.identity" . | nindent 2 }}
{{- include "kith.config.learning" . }}
store:
  {{- if eq .Values.store.type "sqlite" }}
  type: sqlite
  path: /var/lib/kith/kith.db
  {{- else }}
  type: postgresql
  {{- with .Values.store.postgresql }}
  url: {{ .url | quote }}
  user: {{ .user | quote }}
  passwordFile: /run/secrets/kith-db/password
  poolSize: {{ .poolSize }}
  {{- end }}
  {{- end }}
{{ include "kith.config.telemetry" . }}
{{- end }}

{{/* A server of role check; the second: central, for nodes whose own is gone. */}}
{{- define "kith.config.check" -}}
{{- $root := index . 0 }}
{{- $central := index . 1 }}
server:
  role: check
  spiffeId: {{ include "kith.checks.id" $root }}
  {{- include "kith.config.checks" $root | nindent 2 }}
  {{- if $central }}
  bridges: {listen: "0.0.0.0:9192"}
  {{- else }}
  bridges: {listen: "unix:/run/kith-servers/"}   # of this node
  {{- end }}
  admin: {listen: "unix:/run/kith/admin.sock"}
  health: {listen: "0.0.0.0:9194"}
  keys:
    directory: /var/lib/kith
    {{- include "kith.config.keyFiles" (list $root false) | trim | nindent 4 }}
  {{- include "kith.config.kubernetes" (list $root false) | nindent 2 }}
identity:
  {{- include "kith.config.identity" $root | nindent 2 }}
{{- include "kith.config.learning" $root }}
store:
  type: control
  servers:
  {{- include "kith.config.servers" (list $root "control" $root.Values.server.replicas 9195) | nindent 2 }}
  serverId: {{ include "kith.keeper.id" $root }}
  directory: /var/lib/kith/check
  holds: {{ if $central }}all{{ else }}pods{{ end }}
{{ include "kith.config.telemetry" $root }}
{{- end }}

{{- define "kith.config.bridge" -}}
bridge:
  spiffeId: {{ include "kith.bridge.id" . }}
  serverId: {{ include "kith.checks.id" . }}
  servers:
  {{- if include "kith.isNode" . }}
  - "unix:/run/kith/servers/"
  {{- include "kith.config.servers" (list . "fallback" (include "kith.known" .Values.fallback) 9192) | nindent 2 }}
  {{- else }}
  {{- include "kith.config.servers" (list . "server" (include "kith.known" .Values.server) 9192) | nindent 2 }}
  {{- end }}
  {{- with .Values.node.bridge }}
  entries: {{ int .entries }}
  minimumRung: {{ .minimumRung | quote }}
  cgroup: /host/cgroup
  pin: {{ if .pin }}/sys/fs/bpf/kith{{ else }}"off"{{ end }}
  status: /tmp/bridge.sock
  lock: /run/kith/guard.lock
  {{- if include "kith.isNode" $ }}
  serversGroup: 65532
  {{- end }}
  runtime: {{ if .runtime.folder }}{{ .runtime.setting | quote }}{{ else }}none{{ end }}
  {{- end }}
  proxy: {container: istio-proxy}
  {{- with .Values.identity.spire }}
  attest: {{ if and (eq $.Values.identity.provider "spire") .adminHostPath }}spire-delegated:/spire-admin/{{ .adminSocket }}{{ else }}none{{ end }}
  {{- end }}
identity:
  {{- include "kith.config.identity" . | nindent 2 }}
{{- end }}
