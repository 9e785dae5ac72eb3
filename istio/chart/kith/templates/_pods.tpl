{{/* Parts of Kith's pods. The user of everything but the bridge is 65532; its group reads what Secrets have. */}}

{{- define "kith.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kith.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Changes with the configuration, so that pods are made anew. */}}
{{- define "kith.podAnnotations" -}}
kubectl.kubernetes.io/default-container: kith
kith.io/configuration: {{ index . 1 | sha256sum | trunc 16 | quote }}
{{- end }}

{{/* Keeps the certificates of the pod's account in /certs, by istiod. */}}
{{- define "kith.identity.containers" -}}
{{- if eq .Values.identity.provider "istio" }}
{{- with .Values.identity.istio }}
- name: istio-certs
  image: {{ .image }}
  restartPolicy: Always
  args: [proxy, sidecar, --domain, "$(POD_NAMESPACE).svc.{{ $.Values.istio.clusterDomain }}"]
  env:
  - {name: DISABLE_ENVOY, value: "true"}
  - {name: OUTPUT_CERTS, value: /certs}
  - {name: CLOUD_PLATFORM, value: none}
  - {name: PILOT_CERT_PROVIDER, value: istiod}
  - {name: CA_ADDR, value: {{ .caAddress | quote }}}
  - {name: TRUST_DOMAIN, value: {{ $.Values.istio.trustDomain | quote }}}
  - {name: ISTIO_META_CLUSTER_ID, value: {{ .clusterId | quote }}}
  - {name: PROXY_CONFIG, value: '{"discoveryAddress": {{ .caAddress | quote }}}'}
  - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
  - {name: INSTANCE_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
  - {name: SERVICE_ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
  resources:
    {{- toYaml .resources | nindent 4 }}
  securityContext:
    {{- include "kith.security" $ | nindent 4 }}
  volumeMounts:
  - {name: certs, mountPath: /certs}
  - {name: istio-token, mountPath: /var/run/secrets/tokens, readOnly: true}
  - {name: istiod-ca-cert, mountPath: /var/run/secrets/istio, readOnly: true}
  - {name: istio-podinfo, mountPath: /etc/istio/pod, readOnly: true}
  - {name: istio-work, mountPath: /etc/istio/proxy, subPath: proxy}
  - {name: istio-work, mountPath: /var/run/secrets/workload-spiffe-uds, subPath: uds}
  - {name: istio-work, mountPath: /var/lib/istio/data, subPath: data}
  - {name: istio-work, mountPath: /tmp, subPath: tmp}
{{- end }}
{{- end }}
{{- end }}

{{- define "kith.identity.mounts" -}}
{{- if eq .Values.identity.provider "istio" }}
- {name: certs, mountPath: /certs, readOnly: true}
{{- else }}
- {name: spiffe, mountPath: /spiffe, readOnly: true}
{{- end }}
{{- end }}

{{- define "kith.identity.volumes" -}}
{{- if eq .Values.identity.provider "istio" }}
- {name: certs, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
- {name: istio-work, emptyDir: {sizeLimit: 16Mi}}
- name: istio-token
  projected:
    sources:
    - serviceAccountToken: {path: istio-token, expirationSeconds: 43200, audience: istio-ca}
- name: istiod-ca-cert
  configMap: {name: {{ .Values.identity.istio.rootCertificate }}}
- name: istio-podinfo
  downwardAPI:
    items:
    - {path: labels, fieldRef: {fieldPath: metadata.labels}}
    - {path: annotations, fieldRef: {fieldPath: metadata.annotations}}
{{- else if .Values.identity.spire.hostPath }}
- name: spiffe
  hostPath: {path: {{ .Values.identity.spire.hostPath | quote }}, type: Directory}
{{- else }}
- name: spiffe
  csi: {driver: csi.spiffe.io, readOnly: true}
{{- end }}
{{- end }}

{{/* A server's container: root, component, resources, seconds before it gets Checks. */}}
{{- define "kith.server.container" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
- name: kith
  image: {{ include "kith.image" $root }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: [server, --config, /etc/kith/kith.yaml]
  env:
  - {name: KITH_CONFIG, value: /etc/kith/kith.yaml}   # of `kith` that is run in here
  {{- if or (ne $component (include "kith.keeper" $root)) (eq $root.Values.store.type "postgresql") }}
  - {name: KITH_STORE_REPLICA, valueFrom: {fieldRef: {fieldPath: {{ ternary "spec.nodeName" "metadata.name" (eq $component "node") }}}}}
  {{- end }}
  ports:
  {{- if ne $component "control" }}
  - {name: checks, containerPort: 9191}
  {{- end }}
  {{- if or (eq $component "server") (eq $component "fallback") }}
  - {name: bridges, containerPort: 9192}
  {{- end }}
  {{- if and (eq $component (include "kith.keeper" $root)) $root.Values.admin.enabled }}
  - {name: admin, containerPort: 9193}
  {{- end }}
  - {name: health, containerPort: 9194}
  {{- if eq $component "control" }}
  - {name: control, containerPort: 9195}
  {{- end }}
  startupProbe:
    httpGet: {path: /healthz, port: health}
    periodSeconds: 2
    failureThreshold: 60
  readinessProbe:
    httpGet: {path: /readyz, port: health}
    initialDelaySeconds: {{ index . 3 }}
    periodSeconds: 5
  livenessProbe:
    httpGet: {path: /healthz, port: health}
    periodSeconds: 10
    failureThreshold: 6
  lifecycle:
    preStop: {sleep: {seconds: 5}}   # until nobody is sent here any more
  resources:
    {{- toYaml (index . 2) | nindent 4 }}
  securityContext:
    {{- include "kith.security" $root | nindent 4 }}
  volumeMounts:
  - {name: config, mountPath: /etc/kith/kith.yaml, subPath: kith.yaml, readOnly: true}
  - {name: state, mountPath: /var/lib/kith}
  - {name: run, mountPath: /run/kith}
  {{- if eq $component "node" }}
  - {name: servers, mountPath: /run/kith-servers}
  {{- end }}
  - {name: tmp, mountPath: /tmp}
  {{- if $root.Values.keys.secret }}
  - {name: keys, mountPath: /etc/kith/keys, readOnly: true}
  {{- end }}
  {{- if and (eq $component (include "kith.keeper" $root)) (eq $root.Values.store.type "postgresql") }}
  - {name: db, mountPath: /run/secrets/kith-db, readOnly: true}
  {{- end }}
  {{- include "kith.identity.mounts" $root | nindent 2 }}
{{- end }}

{{/* Its volumes but for its state: root, component. Check servers get public keys only, beside secrets of tokens. */}}
{{- define "kith.server.volumes" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $isKeeper := eq $component (include "kith.keeper" $root) }}
- name: config
  configMap: {name: kith-{{ $component }}}
- {name: run, emptyDir: {}}
- {name: tmp, emptyDir: {}}
{{- if $root.Values.keys.secret }}
- name: keys
  secret:
    secretName: {{ $root.Values.keys.secret }}
    defaultMode: 288   # 0440
    items:
    {{- if $isKeeper }}
    - {key: learner.pem, path: learner.pem}
    - {key: approver.pem, path: approver.pem}
    {{- end }}
    {{- $files := include "kith.keyFiles" (list $root $isKeeper) | fromJson }}
    {{- range concat $files.trusted $files.approvers $files.bundlers $files.provenance | uniq }}
    - {key: {{ toYaml . }}, path: {{ toYaml . }}}
    {{- end }}
{{- end }}
{{- if and $isKeeper (eq $root.Values.store.type "postgresql") }}
- name: db
  secret:
    secretName: {{ $root.Values.store.postgresql.passwordSecret.name }}
    defaultMode: 288   # 0440
    items: [{key: {{ $root.Values.store.postgresql.passwordSecret.key }}, path: password}]
{{- end }}
{{- include "kith.identity.volumes" $root | nindent 0 }}
{{- end }}

{{/* Where pods may run: root, values. One of a node at a time where there are several nodes. */}}
{{- define "kith.placed" -}}
{{- $values := index . 1 }}
{{- $tolerations := $values.tolerations }}
{{- with (index . 0).Values.node.taint }}
{{- $tolerations = append $tolerations (dict "key" . "operator" "Exists") }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
