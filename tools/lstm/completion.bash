# Completion of the lstm command for bash.

_lstm()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
	local command=${COMP_WORDS[1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words='info run compare embed quantize bench digest --help --version'
	else
		case $before:$command in
		--layout:*) words='time batch' ;;
		--isa:bench) words='scalar neon avx2 avx512' ;;
		--isa:*) words='auto scalar neon avx2 avx512 simd128' ;;
		--dtype:quantize) words='bf16 f16 int8' ;;
		--dtype:*) words='f32 bf16 f16 int8' ;;
		--mode:*) words='step block sequence batch stack streams decay setup' ;;
		--activations:*) words='builtin sleef' ;;
		--peers:*) words='none' ;;
		--cpu:*) words='any' ;;
		--prefix:* | --name:* | --tolerance:* | --error:* | --shape:* | --batch:* | --steps:* | --repeat:*)
			return ;;
		# Files, by default.
		-i:* | -y:* | -o:* | --layer-y:* | --h0:* | --c0:* | --hn:* | --cn:* | --lengths:*) ;;
		--calibrate:* | --net:* | --input:*) ;;
		--json:bench | --plot:*) ;;
		*)
			case $word:$command in
			-*:info) words='--prefix --json --help' ;;
			-*:run) words='-i -o --h0 --c0 --hn --cn --lengths --layout --prefix --isa
				--dtype --help' ;;
			-*:compare) words='-i -y --layer-y --hn --cn --tolerance --h0 --c0 --lengths --layout
				--prefix --dtype --help' ;;
			-*:embed) words='-o --name --prefix --dtype --help' ;;
			-*:quantize) words='--prefix --dtype --calibrate --error --layout --json --help' ;;
			-*:bench) words='--prefix --mode --shape --isa --activations --dtype --peers --batch
				--steps --accuracy --net --input --quick --repeat --cpu --json --plot --list --help' ;;
			-*:digest) words='--help' ;;
			esac
			;;
		esac
	fi
	[[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	return 0
}

complete -o bashdefault -o default -F _lstm lstm
