{{/*
Names are fixed: a mesh has one Kith, and its EnvoyFilters hold for all of it.

  placement   component   what                                        account
  central     server      StatefulSet, role all                       kith-server
              bridge      DaemonSet                                   kith-bridge
  node        control     StatefulSet, role control                   kith-control
              fallback    StatefulSet, role check, holds all          kith-node
              node        DaemonSet, role check and the bridge        kith-node
*/}}

{{- define "kith.isNode" -}}
{{- if eq .Values.placement "node" }}true{{ end }}
{{- end }}

{{/* The component with the store. */}}
{{- define "kith.keeper" -}}
{{- if include "kith.isNode" . }}control{{ else }}server{{ end }}
{{- end }}

{{/* The component with the bridge. */}}
{{- define "kith.onNodes" -}}
{{- if include "kith.isNode" . }}node{{ else }}bridge{{ end }}
{{- end }}

{{/* The SPIFFE ID of an account. */}}
{{- define "kith.id" -}}
{{- $root := index . 0 -}}
spiffe://{{ $root.Values.istio.trustDomain }}/ns/{{ $root.Release.Namespace }}/sa/{{ index . 1 }}
{{- end }}

{{- define "kith.keeper.id" -}}
{{ include "kith.id" (list . (printf "kith-%s" (include "kith.keeper" .))) }}
{{- end }}

{{- define "kith.bridge.id" -}}
{{ include "kith.id" (list . (printf "kith-%s" (include "kith.onNodes" .))) }}
{{- end }}

{{/* Who answers Checks. */}}
{{- define "kith.checks.id" -}}
{{ include "kith.id" (list . (ternary "kith-node" "kith-server" (eq .Values.placement "node"))) }}
{{- end }}

{{- define "kith.host" -}}
{{- $root := index . 0 -}}
{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.istio.clusterDomain }}
{{- end }}

{{/* Where sidecars ask. */}}
{{- define "kith.checks.host" -}}
{{ include "kith.host" (list . (ternary "kith-node" "kith-checks" (eq .Values.placement "node"))) }}
{{- end }}

{{- define "kith.fallback.host" -}}
{{ include "kith.host" (list . "kith-checks") }}
{{- end }}

{{- define "kith.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels by which pods are selected; never changed. */}}
{{- define "kith.selector" -}}
app.kubernetes.io/name: kith
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "kith.labels" -}}
app.kubernetes.io/name: kith
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Labels of Kith's pods: without sidecars, which would ask Kith whether Kith may be asked. */}}
{{- define "kith.podLabels" -}}
{{ include "kith.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
sidecar.istio.io/inject: "false"
istio.io/dataplane-mode: none
{{- end }}

{{/* How many servers of a component there may be at most, so that bridges find all. */}}
{{- define "kith.most" -}}
{{- if .autoscaling.enabled }}{{ .autoscaling.maxReplicas }}{{ else }}{{ .replicas }}{{ end }}
{{- end }}

{{/* How many of these servers bridges know by name; more may come without a bridge that is rolled. */}}
{{- define "kith.known" -}}
{{- max (int (include "kith.most" .)) (int .known) }}
{{- end }}

{{/*
Where the guard lets questions about names go, as JSON: what the values name, else the Service of the cluster's DNS, which
Helm sees only beside a cluster. Where nodes have a cache of their own, pods ask that: then nothing is guessed.
*/}}
{{- define "kith.resolvers" -}}
{{- $resolvers := .Values.guard.resolvers }}
{{- if and .Values.guard.findResolvers (not $resolvers) (not (include "kith.nodeLocalDns" .)) }}
{{- with lookup "v1" "Service" "kube-system" "kube-dns" }}
{{- $addresses := without .spec.clusterIPs "None" }}
{{- range .spec.ports }}
{{- if eq .protocol "UDP" }}
{{- $port := int .port }}
{{- range $addresses }}
{{- $resolvers = append $resolvers (printf (ternary "[%s]:%d" "%s:%d" (contains ":" .)) . $port) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $resolvers }}
{{- end }}

{{/* Images of istiod that are too old for the filters, as JSON; without a cluster, or where the tag is no version, none. */}}
{{- define "kith.olderIstio" -}}
{{- $older := list }}
{{- range (lookup "apps/v1" "Deployment" .Values.istio.rootNamespace "").items }}
{{- if eq (dig "app" "" (.metadata.labels | default dict)) "istiod" }}
{{- $image := (first .spec.template.spec.containers).image }}
{{- $version := regexFind ":[0-9]+[.][0-9]+[^/]*$" $image | trimPrefix ":" | regexFind "^[0-9]+[.][0-9]+" }}
{{- if $version }}{{ if semverCompare "<1.31" $version }}{{ $older = append $older $image }}{{ end }}{{ end }}
{{- end }}
{{- end }}
{{- toJson $older }}
{{- end }}

{{/* Whether a cache of names runs on each node. */}}
{{- define "kith.nodeLocalDns" -}}
{{- if lookup "apps/v1" "DaemonSet" "kube-system" "node-local-dns" }}true{{ end }}
{{- end }}

{{- define "kith.variant" -}}
{{ .Values.filters.recipe }}{{ if .Values.filters.shortCut }}-short-cut{{ end }}
{{- end }}

{{/* What does not go together, and no schema can say. */}}
{{- define "kith.check" -}}
{{- $node := include "kith.isNode" . }}
{{- $several := eq .Values.store.type "postgresql" }}
{{- if not $several }}
{{- if gt (int .Values.server.replicas) 1 }}
{{- fail (printf "server.replicas: %d with store.type sqlite, which has one server (expected: 1, or store.type postgresql)" (int .Values.server.replicas)) }}
{{- end }}
{{- if .Values.server.autoscaling.enabled }}
{{- fail "server.autoscaling: enabled with store.type sqlite, which has one server (expected: enabled: false, or store.type postgresql)" }}
{{- end }}
{{- else }}
{{- if not .Values.store.postgresql.url }}
{{- fail "store.postgresql.url: missing (expected: jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full)" }}
{{- end }}
{{- if not .Values.store.postgresql.passwordSecret.name }}
{{- fail "store.postgresql.passwordSecret.name: missing (expected: a Secret with the password: kubectl create secret generic kith-db --from-file=password)" }}
{{- end }}
{{- end }}
{{- if and $node .Values.server.autoscaling.enabled }}
{{- fail "server.autoscaling: enabled with placement node, where these servers answer no Checks (expected: fallback.autoscaling, or placement central)" }}
{{- end }}
{{- if and (or $node $several) (not .Values.keys.secret) }}
{{- fail "keys.secret: missing, and several servers need the same keys (expected: a Secret: kith keys new learner.pem && kith keys new approver.pem && kubectl create secret generic kith-keys --from-file=learner.pem --from-file=learner.pem.pub --from-file=approver.pem --from-file=approver.pem.pub)" }}
{{- end }}
{{- $keys := .Values.keys }}
{{- range $setting := list "provenance" "trusted" "approvers" "bundlers" }}
{{- $files := get $keys $setting }}
{{- if and $files (not (kindIs "bool" $files)) (not $keys.secret) }}
{{- fail (printf "keys.secret: missing, and keys.%s names files of it (expected: the name of the Secret)" $setting) }}
{{- end }}
{{- end }}
{{- if kindIs "slice" $keys.provenance }}
{{- range $keys.provenance }}
{{- if or (hasSuffix ".pem" .) (hasSuffix ".pub" .) }}
{{- fail (printf "keys.provenance: %s is a key, and check servers read what is named here (expected: a file that `openssl rand -base64 32` made)" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.node.taint (not .Values.kubernetes.resources) }}
{{- fail (printf "node.taint: %s with kubernetes.resources false, by whose Lease one of several servers takes it off (expected: kubernetes.resources true, or no node.taint)" .Values.node.taint) }}
{{- end }}
{{- if and (or .Values.telemetry.otlpMetrics .Values.telemetry.otlpLogs) (not .Values.telemetry.otlpEndpoint) }}
{{- fail "telemetry.otlpEndpoint: missing, and telemetry.otlpMetrics or telemetry.otlpLogs is true (expected: where they go, as http://otel-collector.monitoring:4318)" }}
{{- end }}
{{- range .Values.admission.templates }}
{{- if has . (list "gateway" "kube-gateway" "agentgateway" "waypoint" "agentgateway-waypoint" "grpc-agent" "grpc-simple") }}
{{- fail (printf "admission.templates: %s is a template of Istio's for pods without redirection or without a sidecar (expected: templates of your own that add to sidecar, such as spire)" .) }}
{{- end }}
{{- end }}
{{- range $namespace, $mode := .Values.scopes }}
{{- if hasKey $.Values.failure.namespaces $namespace }}
{{- fail (printf "failure.namespaces.%s: it is also under scopes, whose mode says what passes (expected: one of them)" $namespace) }}
{{- end }}
{{- end }}
{{- end }}
