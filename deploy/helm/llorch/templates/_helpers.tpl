{{/* Name of everything of a release. */}}
{{- define "llorch.name" -}}
{{- if contains "llorch" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-llorch" (.Release.Name | trunc 33 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* Labels that choose pods: of a list of the root and a part. */}}
{{- define "llorch.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: llorch
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "llorch.labels" -}}
{{- $root := index . 0 -}}
{{ include "llorch.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- define "llorch.tokenSecret" -}}
{{ .Values.token.existingSecret | default (printf "%s-token" (include "llorch.name" .)) }}
{{- end }}

{{- define "llorch.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The variable with the token. */}}
{{- define "llorch.tokenEnv" -}}
- name: LLORCH_API_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "llorch.tokenSecret" . }}
      key: {{ .Values.token.key }}
{{- end }}

{{/* What a container may do: nothing but write to its state and /tmp. */}}
{{- define "llorch.security" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Values that contradict each other. */}}
{{- define "llorch.check" -}}
{{- if not (or .Values.token.existingSecret .Values.token.value) }}
{{- fail "token: set token.existingSecret to a secret with the token, or token.value to a long random text" }}
{{- end }}
{{- if and (gt (int .Values.orchestrator.replicas) 1) (not .Values.store.url) }}
{{- fail (printf "orchestrator.replicas is %d: two or more need store.url, a PostgreSQL that they share" (int .Values.orchestrator.replicas)) }}
{{- end }}
{{- if and .Values.store.url (not .Values.store.passwordSecret) }}
{{- fail "store.passwordSecret: set it to a secret with the password of store.url" }}
{{- end }}
{{- $stop := add (int .Values.orchestrator.stopDeadlineMs) 5000 }}
{{- if le (mul (int .Values.orchestrator.terminationGracePeriodSeconds) 1000) $stop }}
{{- fail (printf "orchestrator.terminationGracePeriodSeconds is %d: it must be longer than stopDeadlineMs and 5 seconds, %d ms" (int .Values.orchestrator.terminationGracePeriodSeconds) $stop) }}
{{- end }}
{{- $poolStop := add (int .Values.poolManager.workerStopDeadlineMs) 10000 }}
{{- if and .Values.poolManager.enabled (le (mul (int .Values.poolManager.terminationGracePeriodSeconds) 1000) $poolStop) }}
{{- fail (printf "poolManager.terminationGracePeriodSeconds is %d: it must be longer than workerStopDeadlineMs and 10 seconds, %d ms" (int .Values.poolManager.terminationGracePeriodSeconds) $poolStop) }}
{{- end }}
{{- if and .Values.poolManager.enabled (not (or .Values.poolManager.models.hostPath .Values.poolManager.models.existingClaim)) }}
{{- fail "poolManager.models: set hostPath to a folder of the nodes, or existingClaim to a claim" }}
{{- end }}
{{- end }}
