"""中文。"""

COMMA, SEMICOLON, ASIDE = "、", "；", "（{}）"

WORDS = {
    "title": "该用哪个学习率，把握有多大？",
    "answer": "结论",
    "by-rate": "各学习率的 dev {metric}",
    "table": "关键数据",
    "curves": "各组的训练过程",
    "findings": "从实验中看到的",
    "advice": "下一步建议",
    "method": "判断方法",
    "reproduce": "如何复现",
    "unread": "未能识别的行",
    "arm": "组",
    "seeds": "种子数",
    "dev-end": "dev {metric}（训练结束时）",
    "dev-best": "dev {metric}（最佳轮次）",
    "train-loss": "训练损失（结束时）",
    "train-metric": "训练 {metric}（结束时）",
    "dev-loss": "dev 损失（结束时）",
    "test": "test {metric}（不参与选择）",
    "ahead": "首选领先（95%）",
    "place": "判断",
    "contender": "可能是最佳",
    "too low": "过低",
    "too high": "过高",
    "worse": "不是最佳",
    "no value": "无数值",
    "first": "首选",
    "second": "次选",
    "epoch": "轮次",
    "step": "步数",
    "rate": "学习率",
    "line": "行",
    "because": "依据",
    "minutes": "约 {minutes} 分钟",
    "minutes-unknown": "耗时未知",
    "dev": "dev {metric}",
    "train": "训练损失",
    "toggle": "显示或隐藏",
    "interval": "95% 区间",
    "source": "来源：{source}，lrscope {version}",
    "settings": "来源中的设置",
}

SAY = {
    # 结论
    "answer-alone": "选择 {first}：其他各组都不可能是最佳。其 dev {metric} 为 {value}。",
    "answer-tie": "现有证据无法区分 {arms}。默认（并非胜者）选择最靠近最佳学习率预期位置的 {first}；次选为 {second}。",
    "answer-tie-plain": "现有证据无法区分 {arms}。默认（并非胜者）选择 {first}；次选为 {second}。",
    "answer-equivalent-plain": "{arms} 等效：差异小于 {margin}。默认选择 {first}；次选为 {second}。",
    "answer-tie-middle": "现有证据无法区分 {arms}。默认（并非胜者）选择最靠近它们中间的 {first}；次选为 {second}。",
    "answer-equivalent-middle": "{arms} 等效：差异小于 {margin}。默认选择最靠近它们中间的 {first}；次选为 {second}。",
    "answer-alone-known": "选择 {first}：在有数值的各组中，其他各组都不可能是最佳。其 dev {metric} 为 {value}。",
    "answer-tie-two": "现有证据无法区分 {arms}。默认（并非胜者）选择 {first}。",
    "without-value": "对 {arms} 无法下结论：训练结束时没有数值。",
    "expected-more": "在新句子上预计为 {expected}：观察到的 {value}，加上因从 {number} 组中被选中而产生的偏差 {optimism}。",
    "answer-equivalent": "{arms} 等效：差异小于 {margin}。默认选择最靠近最佳学习率预期位置的 {first}；次选为 {second}。",
    "answer-equivalent-two": "{arms} 等效：差异小于 {margin}。默认选择 {first}。",
    "answer-only": "只有 {first} 有数值：dev {metric} 为 {value}，没有可比较的对象。",
    "answer-assumes": "这里假定种子间的标准差为 {sd}，而这些训练本身看不出来。",
    "answer-these": "结论只对这些 dev 句子成立：换一批句子会差多少并不知道。",
    "answer-one": "只有一组 {first}：dev {metric} 为 {value}，没有可比较的对象。",
    "answer-none": "没有任何一次训练得到数值，无从选择。",
    "sure-alone": "同类研究中，选错的情况最多占 {error}。",
    "sure-tie": "最佳组在其中的概率至少为 {level}；其余各组已被排除。",
    "sure-all": "最佳组在其中的概率至少为 {level}，但这里没有排除任何一组。",
    "expected-these": "换种子时在这些句子上预计为 {expected}：观察到的 {value}，减去因从 {number} 组中被选中而产生的偏高 {optimism}。",
    "expected-more-these": "换种子时在这些句子上预计为 {expected}：观察到的 {value}，加上因从 {number} 组中被选中而产生的偏差 {optimism}。",
    "expected": "在新句子上预计为 {expected}：观察到的 {value}，减去因从 {number} 组中被选中而产生的偏高 {optimism}。",
    "of-epochs": "其中 {optimism} 是因为取了每次训练的最佳轮次。",
    # 发现
    "too-low": "过低：{arms}；有另一组明显更好，相差 {gaps}。",
    "too-high": "过高：{arms}；有另一组明显更好，相差 {gaps}。",
    "worse": "不是最佳：{arms}；有另一组明显更好，相差 {gaps}。",
    "not-told-apart": "无法区分 {arms}：一组须领先另一组 {widest}，后者才会被排除。",
    "peak": "各学习率上的平滑曲线在 {rate} 处最高（95% 区间 {low_rate} … {high_rate}）。",
    "peak-open": "各学习率上的平滑曲线在 {rate} 处最高；试过的学习率 {low_rate} … {high_rate} 未能从两侧界定它。",
    "one-arm": "只有一组：无法与任何对象比较。",
    "edge-low": "{arm} 是试过的最小学习率，且可能是最佳：最佳学习率也许在网格之下。",
    "edge-high": "{arm} 是试过的最大学习率，且可能是最佳：最佳学习率也许在网格之上。",
    "still-rises": "{arm} 在第 {epoch} 轮训练结束时仍在上升：最后三分之一上升 {rise}，为标准误的 {ratio} 倍。",
    "falls": "{arm} 在第 {epoch} 轮最佳，此后下降 {fall}，为标准误的 {ratio} 倍。",
    "unstable": "{arm} 不稳定：dev 有 {number} 次超出噪声地下降又回升，最多下降 {fall}，为标准误的 {ratio} 倍。",
    "gap": "{arm} 从第 {epoch} 轮起对训练集的拟合明显好于 dev：结束时为 {train} 对 {dev}。",
    "loss-rises": "{arm} 的 dev 损失在第 {epoch} 轮最低，为 {least}，结束时为 {last}：此后过拟合。",
    "generalises": "{arm} 在 test 上为 {test}，比 dev 低 {gap}（95% 区间 {from} … {to}）。",
    "test-above": "{arm} 在 test 上为 {test}，比 dev 高 {gap}（95% 区间 {from} … {to}）。",
    "no-spread": "种子太少，{metric} 随种子变化多少一无所知，而对正确率所作的假定（0.014）并不适用：因此不区分任何两组。请增加种子，或用 --seed-sd 指定。",
    "size-unused": "仅凭均值无法知道 {metric} 在 dev 句子间的离散程度：结论只对这些句子成立。",
    "confounded": "各组除学习率外还有 {settings} 不同：结论是对各组整体而言，不能归因于学习率。",
    "unfinished": "{arm}：{of} 次训练中有 {number} 次未到最后一轮就结束；若其他训练完整，则不计入。",
    "rate-read-back": "{arms}：首次记录时学习率已有下降；这里是由此推算的峰值。",
    "diverged": "{arm} 在 {of} 个种子中有 {number} 个发散；真实比例在 {low} 与 {high} 之间。",
    "failed": "{arm} 在 {of} 个种子中有 {number} 个失败；真实比例在 {low} 与 {high} 之间。",
    "seed-fell": "{arm} 的种子 {seed} 最终为 {value}，远离其他种子的 {middle}：它失败了，而其他种子没有。",
    "assumed-sd": (
        "种子太少，种子间的差异未知。这里假定标准差为 {sd}（{sd_source}）；若为 {flips}，可能最佳的组就会改变。"
        "可用 --seed-sd 更改。"
    ),
    "assumed-sd-firm": (
        "种子太少，种子间的差异未知。这里假定标准差为 {sd}（{sd_source}）；从其十分之一到十倍，可能最佳的组都不变。"
        "可用 --seed-sd 更改。"
    ),
    "sd-named": "按指定",
    "sd-source": "42M 模型在 SST-5 上各种子的离散程度",
    "no-sizes": "不知道 dev 有多少句子，因此只计入种子的噪声：结论只对这些句子成立。可用 --dev-size 给出数目。",
    "heading-differs": "第 {heading_line} 行的标题写 {heading}，其下第 {line} 行的设置写 {rate}：各次训练以各自的标题为准。",
    "opened": "{number} 次训练的 test 分数已于 {when}（UTC）由 lrscope {by} 打开。",
    "overlap": "{second} 中有 {number} 个句子也在 {first} 中：{second} 上的数值可能因此偏高。",
    "rate-differs": "{arms}：实际使用的学习率与调度不符，最多相差峰值的 {share} 倍。",
    "rate-rises": "{arms}：学习率下降后又回升，共 {number} 次。本应只衰减一次的调度，若按批次步进而周期以轮计，就会如此。",
    "rate-left": "{arms}：训练结束时学习率仍为峰值的 {share} 倍，调度尚未走完。",
    "other-metrics": "按 {chosen} 比较；dev 上还测量了 {others}：可用 --metric 指定另一个。",
    "same-run": "{arm} 有两次训练的 {number} 个数值完全相同：看来是同一次训练给了两遍，只计一次。",
    "epoch-again": "{arm}，第 {line} 行：第 {epoch} 轮再次出现；以最后一次为准。",
    "final-differs": "{arm}，第 {line} 行：总结写 dev 为 {final}，而没有一轮如此（最后一轮为 {last}）；以各轮为准。",
    "cut-off": "{arm}，第 {line} 行：{of} 轮中只有 {epochs} 轮。",
    # 建议
    "more-seeds": "每组 {seeds} 个种子，五次研究中有四次能看出 {difference} 的差异。",
    "more-seeds-many": (
        "要在五次研究的四次中看出 {difference} 的差异，每组需要 {seeds} 个种子。目前看到的领先为 {lead}：按计划逐次查看，最多 "
        "{tried} 个种子，也许就能分出高下。"
    ),
    "more-sentences": (
        "dev 句子太少，再多种子也看不出 {difference} 的差异；每组 {at_seeds} 个种子时，{examples} 个句子可以（五次研究中有"
        "四次）。"
    ),
    "no-telling": "用 {at_seeds} 个种子，无论有多少句子，都看不出 {difference} 的差异。",
    "wider-grid": "再试 {rate}：网格止于可能最佳之处。",
    "finer-grid": "再细看 {rates}：最佳学习率位于相距较远的两个学习率之间。",
    "scale-batch": (
        "这个学习率对应的批大小为 {batch}。批更大时，请比较按倍数的平方根缩放（Adam 的步长所提示）与按倍数缩放（SGD 的做法）："
        "两者都不是必然的（后者用 --scale-lr linear）。"
    ),
    "longer": "训练 {epochs} 轮：仍在上升的组被过早评判。",
    "regularise": "试试更大的 dropout 或权重衰减：训练集的拟合好于 dev。",
    "stop-early": "使用早停：在最佳轮次之后下降，说明训练过久。",
    "warm-up": "试试更长的预热：它使较大的学习率也能训练。",
    "decay": "在相同轮数下，比较恒定学习率与会衰减的调度。",
    # 方法
    "method-scores": (
        "在共有的种子上逐句比较各组。种子与句子各自给差异带来多少噪声，分别估计，因此结论对新种子和新句子都成立。"
    ),
    "method-rates": "只知道正确率。{size} 个 dev 句子的噪声按抛硬币计算（p(1 − p)/n），并视两组的对错相互独立，这是保守的。",
    "method-values": "每个种子只知道一个数值：结论只对这些句子成立。",
    "method-contenders": (
        "若另一组优于它的程度超出 {error} 水平下偶然所能解释的范围（所有与最佳的比较一并计入），该组即被排除。留下的各组包含"
        "最佳组的概率至少为 {level}。"
    ),
    "method-pairs": "首选领先各组多少，附有对所有两两比较同时成立的区间。区间含零时，不说哪一组更好；而要说某组不是最佳，所需的差距较小，因此区间含零的组也可能被排除。",
    "method-choice": (
        "在留下的各组中按规则选择：先取学习率对数上最靠近最佳位置预期的，再取耗时较少的，再取均值较好的。预期位置是按各组噪声反复模拟"
        "本研究时最佳组位置的平均：平台取其中间，尖峰取其顶点。"
    ),
    "method-choice-middle": (
        "在留下的各组中按规则选择：先取学习率对数上最靠近中间的，再取耗时较少的，再取均值较好的。离可能最佳范围的两端都远，"
        "偏差过大的可能性最小。"
    ),
    "method-choice-plain": "在留下的各组中按规则选择：先取耗时较少的，再取均值较好的。它们并非只沿学习率排列，没有中间可取。",
    "method-endpoint": "数值取自训练结束时。最佳轮次只作展示而不使用：多个轮次中的最好值会因偶然而偏高。",
    "method-best": "按要求，数值取自每次训练在 dev 上的最佳轮次。多个轮次中的最好值会因偶然而偏高：预期值也按每轮自身的噪声对此作了修正。",
    "method-looks": "这项研究按计划多次查看：各次查看共用 {error}，本次用去 {nominal}。",
    "method-test": "已知的 test 数值只作展示，绝不用于选择。",
}
